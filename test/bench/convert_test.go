//go:build e2e

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
)

// BenchmarkConversion converts an image as images and volumes are, confined and with progress, beside qemu-img alone.
func BenchmarkConversion(b *testing.B) {
	const turns = 9
	dir, err := os.MkdirTemp("/dev/shm", "hv-convert") // else it is the disk that is measured, and who else writes to it
	must(b, err)
	defer func() { must(b, os.RemoveAll(dir)) }()
	at := func(name string) string { return filepath.Join(dir, name) }
	ways := []struct{ from, to convert.Format }{{convert.Raw, convert.QCOW2}, {convert.QCOW2, convert.Raw}}
	rows, worst := "", 10.0
	for b.Loop() {
		rows, worst = "", 10
		for n, way := range slices.Concat(ways, ways) {
			mebibytes := []int{256, 1024}[n/len(ways)]
			if way.from == convert.Raw {
				must(b, written(at("source.raw"), mebibytes))
			}
			var ours, bare []time.Duration
			var oursCPU, bareCPU time.Duration
			told := 0
			for i := range turns {
				turn := []func(){
					func() {
						before := childrenCPU(b)
						ours = append(ours, converted(b, at, way.from, way.to, func(float64) { told++ }))
						oursCPU += childrenCPU(b) - before
					},
					func() {
						before := childrenCPU(b)
						bare = append(bare, bareConverted(b, way.from, way.to, at("source."+string(way.from)), at("bare")))
						bareCPU += childrenCPU(b) - before
					},
				}
				turn[i%2]()
				turn[1-i%2]()
				if i == 0 && way.to == convert.QCOW2 {
					must(b, os.Rename(at("ours"), at("source.qcow2")))
				}
				_ = os.Remove(at("ours"))
				must(b, os.Remove(at("bare")))
			}
			speed := float64(median(bare)) / float64(median(ours))
			worst = min(worst, speed)
			rows += fmt.Sprintf("| %d MiB, %s to %s | %.0f | %.0f | %.2f | %.0f | %.0f | %.2f | %d |\n", mebibytes, way.from, way.to, ms(median(ours)), ms(median(bare)), speed,
				ms(oursCPU)/turns, ms(bareCPU)/turns, float64(bareCPU)/float64(oursCPU), told/turns)
		}
	}
	b.ReportMetric(worst, "of-qemu-img")
	publish(b, "convert", fmt.Sprintf(`## Converting an image

Random bytes, each MiB of them with a hole of one behind it; median of %d, in turns, from files in memory to files in memory. Ours is the room that all conversions go through (internal/storage/convert): confined by landlock, a filter of system calls and limits, every file
a descriptor, and its progress told. The first conversions are short, so that what it takes to start one confined counts.

| what | ours, ms | `+"`qemu-img convert -p`"+`, ms | speed of ours, of its | CPU of ours, ms | of its, ms | by CPU | told of progress, times |
|---|---|---|---|---|---|---|---|
%s
Goal: at least 0.95 of its speed. By CPU is the same question on a machine on which others work: the time that all of a conversion's threads have run.
`, turns, rows))
}

// written makes a sparse file with random bytes in it.
func written(path string, mebibytes int) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	block, random := make([]byte, 1<<20), rand.NewChaCha8([32]byte{1})
	for i := range mebibytes {
		_, _ = random.Read(block) // never fails
		if _, err := f.WriteAt(block, int64(i)<<21); err != nil {
			return err
		}
	}
	if err := f.Truncate(int64(mebibytes) << 21); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func converted(b *testing.B, at func(string) string, from, to convert.Format, tell func(float64)) time.Duration {
	b.Helper()
	begin := time.Now()
	src, err := os.Open(at("source." + string(from)))
	must(b, err)
	dst, err := os.OpenFile(at("ours"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	must(b, err)
	must(b, convert.Convert(context.Background(), convert.Image{File: src, Format: from}, dst, to, convert.Options{}, tell))
	must(b, src.Close())
	must(b, dst.Close())
	return time.Since(begin)
}

// bareConverted is qemu-img alone, in a session of its own as ours is: the scheduler shares out the CPUs by sessions.
func bareConverted(b *testing.B, from, to convert.Format, source, target string) time.Duration {
	b.Helper()
	cmd := exec.Command("qemu-img", "convert", "-p", "-f", string(from), "-O", string(to), source, target) //nolint:noctx // it ends by itself
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	begin := time.Now()
	must(b, cmd.Run())
	return time.Since(begin)
}

// childrenCPU is what all processes have used that this one has waited for.
func childrenCPU(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
