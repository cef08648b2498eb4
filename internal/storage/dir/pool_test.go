//go:build linux

package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/storagetest"
)

const uid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

// in is a place for pools in a folder.
func in(path string) storagetest.Place {
	return storagetest.Place{
		Open: func(t *testing.T) backend.Backend {
			p, err := Open("test", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Close() })
			return p
		},
		Left: func(t *testing.T) []string {
			entries, err := os.ReadDir(path)
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, e := range entries {
				left = append(left, e.Name())
			}
			return left
		},
	}
}

func TestAFolderIsAPool(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Place { return in(filepath.Join(t.TempDir(), "pool")) })
}

func TestOnlyAFolderOfTheDaemonsOwnIsAPool(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(base, name) }
	for _, err := range []error{
		os.Mkdir(at("open"), 0o700), os.Chmod(at("open"), 0o770), os.WriteFile(at("file"), nil, 0o600), os.Mkdir(at("own"), 0o750), os.Symlink(at("own"), at("link")), // #nosec G302 -- a folder of the test
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"own": "", "new": "", "open": "others may write", "file": "not a directory", "link": "through a link", "link/below": "through a link", "none/below": "no such file",
	} {
		p, err := OpenAt(t.Context(), "test", at(name), true, nil)
		if want == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v does not say %q", name, err, want)
		}
		if p != nil {
			_ = p.Close()
		}
	}
	if _, err := OpenAt(t.Context(), "test", at("away"), false, nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := os.Lstat(at("away")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Mkdir(at("theirs"), 0o700), os.Chown(at("theirs"), 12345, 12345)); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenAt(t.Context(), "test", at("theirs"), true, nil); fault.CodeOf(err) != "HV-POOL-007" {
			t.Errorf("somebody else's: %v", err)
		}
	}
}

func TestWhatCannotBeMadeIsAskedFor(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may make every folder")
	}
	base := t.TempDir()
	if err := os.Chmod(base, 0o500); err != nil { // #nosec G302 -- a folder of the test
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(base, 0o700) }) // #nosec G302 -- a folder of the test
	p, err := OpenAt(t.Context(), "test", filepath.Join(base, "pool"), true, func(_ context.Context, path string) error {
		return errors.Join(os.Chmod(base, 0o700), os.Mkdir(path, 0o700)) // #nosec G302 -- a folder of the test
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
}

func TestALinkInAPoolIsNotFollowed(t *testing.T) {
	path := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	for _, err := range []error{os.WriteFile(secret, []byte("secret"), 0o600), os.Symlink(secret, filepath.Join(path, uid+".raw")), os.Symlink(secret, filepath.Join(path, uid+".json"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b := in(path).Open(t)
	if f, err := b.Open(t.Context(), uid+".raw", true); err == nil {
		_ = f.Close()
		t.Error("it was followed")
	}
	if files, err := b.List(t.Context()); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
	if notes, err := b.Notes(t.Context(), nil); err != nil || len(notes) != 0 {
		t.Errorf("%s, %v", notes, err)
	}
}

func TestWhatAnEarlierDaemonHadBegunIsSwept(t *testing.T) {
	path := t.TempDir()
	left := filepath.Join(path, uid+".raw"+folder.Partial)
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in(path).Open(t)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// A disk that is not mounted leaves the folder that it is to be mounted on: the daemon's own, and empty.
func TestAFolderWithoutItsMarkIsNotTakenForThePool(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(base, "disk")
	open := func(name string, fresh bool) error {
		p, err := OpenAt(t.Context(), name, at, fresh, nil)
		if err == nil {
			err = p.Close()
		}
		return err
	}
	if err := errors.Join(open("fast", true), open("fast", false)); err != nil {
		t.Fatal(err)
	}
	if err := open("slow", false); fault.CodeOf(err) != "HV-POOL-025" || !strings.Contains(err.Error(), `pool "fast"`) {
		t.Errorf("another pool's: %v", err)
	}
	if err := os.Rename(at, filepath.Join(base, "unmounted")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := open("fast", false); fault.CodeOf(err) != "HV-POOL-025" || !errors.Is(err, fault.Unavailable) || fault.HintOf(err) == "" {
		t.Errorf("what it was to be mounted on: %v", err)
	}
	if left, err := os.ReadDir(at); err != nil || len(left) != 0 {
		t.Errorf("written into it: %v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(at, uid+".raw"), nil, 0o600); err != nil { // of a build that knew no marks
		t.Fatal(err)
	}
	if err := open("fast", false); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(at, mark)); err != nil || string(text) != "fast\n" {
		t.Errorf("it is marked %q, %v", text, err)
	}
	if err := os.Remove(filepath.Join(at, mark)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(at, mark)); err != nil {
		t.Fatal(err)
	}
	if err := open("fast", false); err == nil {
		t.Error("a link for a mark was followed")
	}
}

func TestAFolderIsUsedByOneDaemonAtATime(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(base, "pool")
	first, err := OpenAt(t.Context(), "fast", path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	begun := filepath.Join(path, folder.Partial+"begun")
	if err := os.WriteFile(begun, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fast", "slow"} {
		_, err := OpenAt(t.Context(), name, path, true, nil)
		if fault.CodeOf(err) != "HV-POOL-026" || !strings.Contains(err.Error(), fmt.Sprintf("pid %d on ", os.Getpid())) {
			t.Errorf("a second one: %v", err)
		}
	}
	if _, err := os.Stat(begun); err != nil {
		t.Errorf("what the first is making: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := OpenAt(t.Context(), "fast", path, false, nil)
	if err != nil {
		t.Fatalf("after it: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
