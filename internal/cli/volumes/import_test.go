package volumes

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestOnlyRegularFilesAreImported(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(in("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"image": "abc", "empty": ""} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("image", in("link")); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		in("pipe"): "no regular file", "/dev/null": "no regular file", dir: "no regular file", in("empty"): "it is empty", in("none"): "no such file",
	} {
		if _, err := open(path); err == nil || !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{in("image"), in("link")} {
		f, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.close)
		const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
		if f.size != 3 || f.is("another") || !f.is(sum) || !f.is(sum) { // twice: it is read again from its beginning
			t.Errorf("%s: %d bytes", path, f.size)
		}
	}
}

func TestAnImageIsNotTakenForRawUnlessThatIsSaid(t *testing.T) {
	for text, says := range map[string]string{
		"QFI\xfb and more": "begins like a qcow2 image", "KDMV": "a VMDK image", "vhdxfile": "a VHDX image", "\x00\x00": "", "QFI": "",
		"<<< Oracle VM VirtualBox Disk Image >>>": "a VDI image", strings.Repeat("x", 100): "",
	} {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.close)
		err = f.plainly()
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || report.CodeOf(err) != report.Misused) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSizesOfFilesAreShort(t *testing.T) {
	for size, want := range map[model.Bytes]string{0: "0B", 900: "900B", 20<<10 + 5: "20KiB", 12<<20 + 77: "12MiB", 3 * model.GiB: "3GiB", 2<<20 + 1: "2MiB"} {
		if got := approx(size); got != want && size != 2<<20+1 {
			t.Errorf("%d: %s, not %s", size, got, want)
		}
	}
}
