package luks

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

const (
	one   = "first-secret"
	two   = "second-secret"
	three = "third-secret"
)

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	h, err := New(one)
	if err != nil {
		t.Fatal(err)
	}
	if len(h) != Size {
		t.Fatalf("%d bytes, not %d", len(h), Size)
	}
	if _, err := f.Write(h); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(Size + 1<<20); err != nil {
		t.Fatal(err)
	}
	return f
}

func opens(t *testing.T, f *os.File, want map[string]bool) {
	t.Helper()
	for secret, yes := range want {
		if got, err := Opens(f, secret); err != nil || got != yes {
			t.Errorf("%s opens it: %v, %v", secret, got, err)
		}
		if got, known := qemuOpens(t, f, secret); known && got != yes {
			t.Errorf("%s opens it, says QEMU: %v", secret, got)
		}
	}
}

// qemuOpens asks QEMU the same.
func qemuOpens(t *testing.T, f *os.File, secret string) (opens, known bool) {
	t.Helper()
	img, err := exec.LookPath("qemu-img")
	if err != nil {
		return false, false
	}
	at := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(at, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(img, "map", "--output=json", "--max-length=512", "--object", "secret,id=s,format=raw,file="+at,
		"--image-opts", "driver=luks,key-secret=s,file.driver=file,file.filename="+f.Name()).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("Invalid password")) {
		t.Fatalf("%s", out)
	}
	return err == nil, true
}

func TestAHeaderOpensWithItsSecretsAndNoOther(t *testing.T) {
	f := file(t)
	opens(t, f, map[string]bool{one: true, two: false})
	for range 2 {
		if err := Add(f, one, two); err != nil {
			t.Fatal(err)
		}
		if n, err := Active(f); n != 2 || err != nil {
			t.Errorf("%d slots, %v", n, err)
		}
	}
	opens(t, f, map[string]bool{one: true, two: true, three: false})
	for range 2 {
		if err := Drop(f, one, two); err != nil {
			t.Fatal(err)
		}
	}
	opens(t, f, map[string]bool{one: false, two: true})
	if err := Add(f, one, three); fault.CodeOf(err) != "HV-KEY-023" {
		t.Errorf("who does not open it adds a secret: %v", err)
	}
}

func TestTheLastSecretStays(t *testing.T) {
	f := file(t)
	for _, keep := range []string{one, two} {
		if err := Drop(f, one, keep); fault.CodeOf(err) != "HV-KEY-022" {
			t.Errorf("%v", err)
		}
	}
	opens(t, f, map[string]bool{one: true})
}

func TestAHeaderHasEightPlaces(t *testing.T) {
	f := file(t)
	for i := range 7 {
		if err := Add(f, one, string(rune('a'+i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := Add(f, one, two); fault.CodeOf(err) != "HV-KEY-021" {
		t.Errorf("%v", err)
	}
	opens(t, f, map[string]bool{one: true, "a": true, "g": true})
}

// cut writes so many times and then no more.
type cut struct {
	*os.File
	left int
}

func (c *cut) WriteAt(b []byte, at int64) (int, error) {
	if c.left == 0 {
		return 0, os.ErrClosed
	}
	c.left--
	return c.File.WriteAt(b, at)
}

func TestCutOffBetweenAnyTwoWritesItOpensAndIsFinishedLater(t *testing.T) {
	for left := range 3 {
		f := file(t)
		if err := Add(&cut{f, left}, one, two); err == nil {
			t.Fatal("it was not cut off")
		}
		opens(t, f, map[string]bool{one: true, two: false})
		if err := Add(f, one, two); err != nil {
			t.Fatal(err)
		}
		if err := Drop(&cut{f, left}, one, two); err == nil {
			t.Fatal("it was not cut off")
		}
		opens(t, f, map[string]bool{two: true})
		if err := Drop(f, one, two); err != nil {
			t.Fatal(err)
		}
		h, err := read(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok, _ := h.open(f, one, true); ok {
			t.Error("what stood in the slot is there yet")
		}
		opens(t, f, map[string]bool{one: false, two: true})
	}
}

func TestWhatQEMUHasMadeIsTaken(t *testing.T) {
	img, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("no qemu-img: scripts/deps.sh test")
	}
	dir := t.TempDir()
	secret, image := filepath.Join(dir, "secret"), filepath.Join(dir, "image")
	if err := os.WriteFile(secret, []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for range 5 { // it measures the CPU, and gives up where that was too fast for its clock
		out, err = exec.Command(img, "create", "-q", "-f", "luks", "--object", "secret,id=s,format=raw,file="+secret,
			"-o", "key-secret=s,iter-time=100", image, "1M").CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("accurate CPU usage")) {
			break
		}
	}
	if err != nil {
		t.Skipf("qemu-img makes none here: %s", out)
	}
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if at, err := Payload(f); at != Size || err != nil {
		t.Errorf("its content begins at %d, %v", at, err)
	}
	if err := Add(f, one, two); err != nil {
		t.Fatal(err)
	}
	if err := Drop(f, one, two); err != nil {
		t.Fatal(err)
	}
	opens(t, f, map[string]bool{one: false, two: true})
}

func FuzzHeader(f *testing.F) {
	h, err := New(one)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(h[:headBytes])
	f.Add([]byte(magic))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if h, err := read(bytes.NewReader(b)); err == nil && h.rounds < 2000 && h.slots[0].rounds < 2000 {
			_, _ = h.slots[0].key(bytes.NewReader(b), one)
		}
	})
}
