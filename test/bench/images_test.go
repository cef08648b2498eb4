//go:build e2e

package bench

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
)

// BenchmarkConvertingImages holds a conversion by the room that runs qemu-img, confined and with its progress, against
// qemu-img alone, in turns: a disk of 2 GiB of which 512 MiB are written.
func BenchmarkConvertingImages(b *testing.B) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		b.Skip("qemu-img is not installed (qemu-utils)")
	}
	const rounds = 5
	dir := b.TempDir()
	src, err := os.OpenFile(filepath.Join(dir, "src"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	if err := src.Truncate(2 << 30); err != nil {
		b.Fatal(err)
	}
	part := make([]byte, 8<<20)
	for i := range int64(64) {
		_, _ = rand.Read(part)
		if _, err := src.WriteAt(part, i*32<<20); err != nil {
			b.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	told := 0
	here := func(f convert.Format) {
		dst, err := os.OpenFile(out, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		if err := convert.Convert(b.Context(), convert.Image{File: src, Format: convert.Raw}, dst, f, convert.Options{}, func(float64) { told++ }); err != nil {
			b.Fatal(err)
		}
		_ = dst.Close()
	}
	bare := func(f convert.Format) {
		if text, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", string(f), src.Name(), out).CombinedOutput(); err != nil {
			b.Fatalf("%s", text)
		}
	}
	var t strings.Builder
	t.WriteString("| to | qemu-img, s | here, s | speed beside it |\n|---|---|---|---|\n")
	for b.Loop() {
		for _, f := range []convert.Format{convert.QCOW2, convert.Raw} {
			var theirs, ours []time.Duration
			for range rounds {
				for _, side := range []struct {
					do   func(convert.Format)
					took *[]time.Duration
				}{{bare, &theirs}, {here, &ours}} {
					_ = os.Remove(out)
					*side.took = append(*side.took, medianOf(1, func() { side.do(f) }))
				}
			}
			fmt.Fprintf(&t, "| %s | %.2f | %.2f | %.2f |\n", f, median(theirs).Seconds(), median(ours).Seconds(), median(theirs).Seconds()/median(ours).Seconds())
		}
	}
	if told == 0 {
		b.Error("no progress was told")
	}
	publish(b, "convert", fmt.Sprintf("## Converting an image, beside qemu-img\n\nA raw disk of 2 GiB, 512 MiB of it random; here confined, on open files, with progress. The median of %d, in turns.\n"+
		"By themselves: `go test -tags e2e -run '^$' -bench ConvertingImages -benchtime 1x ./test/bench -args -write`\n\n%s\nGoal: at least 0.95.\n", rounds, t.String()))
}
