package helper

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// Who runs the test is root and hvd at once, or with root's rights hvd is another.
func TestAFolderForAPoolIsMadeInRootsFoldersOnly(t *testing.T) {
	tree := t.TempDir()
	hvd := os.Geteuid()
	if hvd == 0 {
		hvd = 12345
	}
	h := &Helper{log: io.Discard, owners: run.Owners{Root: os.Geteuid(), HVD: hvd, HVDGroup: os.Getegid()}}
	at := func(name string) string { return filepath.Join(tree, name) }
	unix.Umask(0o077)
	for _, err := range []error{
		os.Mkdir(at("disks"), 0o755), os.Mkdir(at("open"), 0o700), os.Chmod(at("open"), 0o777), os.Symlink(at("disks"), at("link")), os.WriteFile(at("file"), nil, 0o600), // #nosec G302 -- on purpose
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		names []string
		ok    bool
	}{
		"new": {[]string{"fast"}, true}, "deeper": {[]string{"disks", "fast"}, true}, "again": {[]string{"disks", "fast"}, true},
		"through a link": {[]string{"link", "other"}, false}, "a link": {[]string{"link"}, false}, "a file": {[]string{"file"}, false},
		"others write there": {[]string{"open", "fast"}, false}, "no folder above": {[]string{"none", "fast"}, false},
	} {
		for range 2 {
			err := h.poolFolder(tree, &privilege.PoolFolder{Tree: "srv", Names: c.names})
			if (err == nil) != c.ok || err != nil && fault.KindOf(err) != fault.Denied {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !c.ok {
			continue
		}
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(append([]string{tree}, c.names...)...), &st); err != nil || int(st.Uid) != hvd || st.Mode != unix.S_IFDIR|0o700 {
			t.Errorf("%s: %o of %d, %v", name, st.Mode, st.Uid, err)
		}
	}
	if left, err := os.ReadDir(at("open")); err != nil || len(left) != 0 {
		t.Errorf("made where others write: %v", err)
	}
	if os.Geteuid() == 0 { // root's own folder, with something in it, is not given away
		if err := errors.Join(os.Mkdir(at("precious"), 0o700), os.WriteFile(filepath.Join(at("precious"), "key"), nil, 0o600), os.Mkdir(at("shown"), 0o755)); err != nil { // #nosec G301 -- on purpose
			t.Fatal(err)
		}
		if err := os.Chmod(at("shown"), 0o755); err != nil { // #nosec G302 -- on purpose
			t.Fatal(err)
		}
		for _, name := range []string{"precious", "shown"} {
			if err := h.poolFolder(tree, &privilege.PoolFolder{Tree: "srv", Names: []string{name}}); !errors.Is(err, fault.Denied) {
				t.Errorf("%s was given away: %v", name, err)
			}
		}
		// The helper before ended between making one and giving it away: whoever asks again gets it.
		if err := os.Mkdir(at("begun"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := h.poolFolder(tree, &privilege.PoolFolder{Tree: "srv", Names: []string{"begun"}}); err != nil {
			t.Error(err)
		}
		var st syscall.Stat_t
		if err := syscall.Stat(at("begun"), &st); err != nil || int(st.Uid) != hvd {
			t.Errorf("it is of uid %d, and not hvd's: %v", st.Uid, err)
		}
	}
}
