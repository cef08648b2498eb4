//go:build e2e && linux

package dir

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/storagetest"
)

// mounted makes a file system in a file and mounts it. It is unmounted with the test.
func mounted(t *testing.T, size int64, mkfs ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if _, err := exec.LookPath(mkfs[0]); err != nil {
		t.Skipf("%s is missing", mkfs[0])
	}
	base := t.TempDir()
	image, at := filepath.Join(base, "image"), filepath.Join(base, "mnt")
	for _, err := range []error{os.WriteFile(image, nil, 0o600), os.Truncate(image, size), os.Mkdir(at, 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) error {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			return errors.Join(err, errors.New(string(out)))
		}
		return nil
	}
	if err := run(append(mkfs, image)...); err != nil {
		t.Fatal(err)
	}
	if err := run("mount", "-o", "loop", image, at); err != nil {
		t.Skipf("this kernel does not mount it: %v", err)
	}
	t.Cleanup(func() {
		if err := run("umount", at); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(at, 0o700); err != nil { // #nosec G302 -- a folder
		t.Fatal(err)
	}
	return at
}

// The file systems that people keep their disks on: with what each is said to be able to.
var fileSystems = map[string]struct {
	mkfs    []string
	reflink bool
}{
	"xfs with reflinks":    {[]string{"mkfs.xfs", "-q", "-m", "reflink=1"}, true},
	"xfs without reflinks": {[]string{"mkfs.xfs", "-q", "-m", "reflink=0"}, false},
	"btrfs":                {[]string{"mkfs.btrfs", "-q"}, true},
	"ext4":                 {[]string{"mkfs.ext4", "-q"}, false},
}

func TestAFolderIsAPoolOnEveryFileSystem(t *testing.T) {
	const size = 400 << 20
	for name, fs := range fileSystems {
		t.Run(name, func(t *testing.T) {
			at := mounted(t, size, fs.mkfs...)
			tiny := mounted(t, size, fs.mkfs...)
			leave(t, tiny, 40<<20)
			n := 0
			storagetest.Run(t, func(*testing.T) storagetest.Place {
				n++
				place := in(filepath.Join(at, string(rune('a'+n))))
				place.Tiny = in(filepath.Join(tiny, "pool")).Open
				return place
			})
			p, err := Open("test", filepath.Join(at, "pool"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			if can := p.Can(); can.Reflink != fs.reflink || can.Exclusive != fs.reflink {
				t.Errorf("it is said to be able to: %+v", can)
			}
		})
	}
}

// leave takes all room of a file system but so many bytes.
func leave(t *testing.T, at string, free int64) {
	t.Helper()
	f, err := os.Create(filepath.Join(at, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-free); err != nil {
		t.Fatal(err)
	}
	unix.Sync()
}

var _ backend.Backend = (*Pool)(nil)
