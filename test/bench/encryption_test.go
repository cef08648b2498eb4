//go:build e2e

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/storage/luks"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// encrypted is a way to keep an image, with or without a key.
type encrypted struct {
	name, driver string
	luks         bool
	path         string
}

// options are the image as QEMU's block layer opens it, which is as a VM's QEMU does.
func (e encrypted) options() string {
	file := ",file.driver=file,file.filename=" + e.path
	switch {
	case e.luks && e.driver == "qcow2":
		return "driver=qcow2,encrypt.format=luks,encrypt.key-secret=s" + file
	case e.luks:
		return "driver=luks,key-secret=s" + file
	}
	return "driver=" + e.driver + file
}

// fresh makes it anew, with a header as volumes have it.
func (e encrypted) fresh(b *testing.B, secret string, size model.Bytes) {
	b.Helper()
	_ = os.Remove(e.path)
	f, err := os.OpenFile(e.path, os.O_RDWR|os.O_CREATE, 0o600)
	must(b, err)
	var header []byte
	if e.luks {
		header, err = luks.New(secret)
		must(b, err)
	}
	if e.driver == "qcow2" {
		must(b, qcow2.Make(f, qcow2.Image{Size: size, LUKS: header}))
	} else {
		_, err = f.WriteAt(header, 0)
		must(b, err)
		must(b, f.Truncate(int64(size)+int64(len(header))))
	}
	must(b, f.Close())
}

// io is how long QEMU's block layer takes for these commands.
func (e encrypted) io(b *testing.B, secretFile string, commands ...string) time.Duration {
	b.Helper()
	args := []string{"--object", "secret,id=s,format=raw,file=" + secretFile, "--image-opts"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	begun := time.Now()
	out, err := exec.Command("qemu-io", append(args, e.options())...).CombinedOutput()
	took := time.Since(begun)
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return took
}

// BenchmarkEncryption reads and writes images with a key beside the same without one, through QEMU's own block layer.
func BenchmarkEncryption(b *testing.B) {
	if _, err := exec.LookPath("qemu-io"); err != nil {
		b.Skip("no qemu-io: scripts/deps.sh test")
	}
	const turns, mebibytes, piece = 5, 128, 2
	dir, err := os.MkdirTemp("/dev/shm", "hv-luks") // else it is the disk that is measured
	must(b, err)
	defer func() { must(b, os.RemoveAll(dir)) }()
	const secret = "a-secret-of-a-benchmark"
	at := filepath.Join(dir, "secret")
	must(b, os.WriteFile(at, []byte(secret), 0o600))
	var writes, reads []string
	for i := 0; i < mebibytes; i += piece {
		writes = append(writes, fmt.Sprintf("write -q -P 0xa5 %dM %dM", i, piece))
		reads = append(reads, fmt.Sprintf("read -q %dM %dM", i, piece))
	}
	rows := ""
	for b.Loop() {
		rows = ""
		for _, driver := range []string{"raw", "qcow2"} {
			ways := []encrypted{{"in clear", driver, false, filepath.Join(dir, "clear")}, {"encrypted", driver, true, filepath.Join(dir, "luks")}}
			write, read := make([][]time.Duration, 2), make([][]time.Duration, 2)
			for turn := range turns {
				for i := range ways {
					n := (i + turn) % 2
					w := ways[n]
					w.fresh(b, secret, mebibytes*model.MiB)
					opened := w.io(b, at, "quit")
					write[n] = append(write[n], w.io(b, at, writes...)-opened)
					read[n] = append(read[n], w.io(b, at, reads...)-opened)
				}
			}
			for _, way := range []struct {
				verb string
				took [][]time.Duration
			}{{"write", write}, {"read", read}} {
				plain, sealed := median(way.took[0]), median(way.took[1])
				rows += fmt.Sprintf("| %s %s | %.0f | %.0f | %.2f |\n", way.verb, driver, mebibytes/plain.Seconds(), mebibytes/sealed.Seconds(), float64(plain)/float64(sealed))
			}
		}
	}
	publish(b, "encryption", fmt.Sprintf(`## Encrypted disks

%d MiB in pieces of %d MiB, one after the other, by QEMU's block layer (qemu-io, which opens an image as a VM's QEMU does) from and to files in memory: no disk and no guest is
in it, so this is the most that encryption can cost. Median of %d, in turns; what opening the image takes is not in it. AES-256-XTS in the library that QEMU is linked with; %s.

| what | in clear, MiB/s | encrypted, MiB/s | speed of encrypted, of clear |
|---|---|---|---|
%s`, mebibytes, piece, turns, aes(), rows))
}

// aes says whether the processor has instructions for it.
func aes() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, flags, ok := strings.Cut(line, ":"); ok && (strings.HasPrefix(name, "flags") || strings.HasPrefix(name, "Features")) {
			if bytes.Contains([]byte(" "+strings.TrimSpace(flags)+" "), []byte(" aes ")) {
				return "this processor has instructions for AES (aes in /proc/cpuinfo)"
			}
			return "this processor has no instructions for AES"
		}
	}
	return "whether this processor has instructions for AES is not known"
}
