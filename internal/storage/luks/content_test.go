package luks

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// What is written behind a header is what QEMU reads there, in whatever pieces it came.
func TestWhatIsWrittenBehindAHeaderIsWhatQEMUReads(t *testing.T) {
	f := file(t)
	if _, err := Open(f, two); fault.CodeOf(err) != "HV-KEY-023" {
		t.Errorf("who does not open it writes: %v", err)
	}
	c, err := Open(f, one)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 1<<20)
	for i := range want[:1000_003] {
		want[i] = byte(random.Uint32())
	}
	for left := want[:1000_003]; len(left) > 0; {
		n := min(len(left), 1+random.IntN(70_000))
		if _, err := c.Write(left[:n]); err != nil {
			t.Fatal(err)
		}
		left = left[n:]
	}
	if err := c.Fill(1 << 20); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		at := random.IntN(len(want) - 5000)
		got := make([]byte, random.IntN(5000))
		if n, err := c.ReadAt(got, int64(at)); n != len(got) || err != nil || !bytes.Equal(got, want[at:at+n]) {
			t.Fatalf("at %d: %d bytes of %d, %v", at, n, len(got), err)
		}
	}
	if n, err := c.ReadAt(make([]byte, 1000), 1<<20-10); n != 10 || err == nil {
		t.Errorf("past its end: %d, %v", n, err)
	}
	text, err := os.ReadFile(f.Name())
	if err != nil || bytes.Contains(text, want[:32]) {
		t.Errorf("it lies in clear, %v", err)
	}
	img, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("no qemu-img: scripts/deps.sh test")
	}
	dir := t.TempDir()
	secret, plain := filepath.Join(dir, "secret"), filepath.Join(dir, "plain")
	if err := os.WriteFile(secret, []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(img, "convert", "-O", "raw", "--object", "secret,id=s,format=raw,file="+secret,
		"--image-opts", "driver=luks,key-secret=s,file.driver=file,file.filename="+f.Name(), plain).CombinedOutput()
	if err != nil {
		t.Fatalf("%s", out)
	}
	if got, err := os.ReadFile(plain); err != nil || !bytes.Equal(got, want) {
		t.Errorf("QEMU reads something else (%d bytes, %v)", len(got), err)
	}
}
