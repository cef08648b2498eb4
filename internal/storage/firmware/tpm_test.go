//go:build linux

package firmware

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestWhatATPMKeepsIsAFolderThatGoesWithItsVM(t *testing.T) {
	dir := t.TempDir()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.TPM(t.Context(), uuid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that nobody made: %v", err)
	}
	for range 2 { // the second time it is there
		if err := f.MakeTPM(t.Context(), uuid); err != nil {
			t.Fatal(err)
		}
		root, err := f.TPM(t.Context(), uuid)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(root.WriteFile("tpm2-00.permall", []byte("x"), 0o600), root.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.MakeTPM(t.Context(), "../x"); err == nil {
		t.Error("a folder outside of ours")
	}
	for range 2 {
		if err := f.Remove(t.Context(), uuid); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestWhatATPMKeepsIsReadAndPutBack(t *testing.T) {
	f, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.ReadTPM(t.Context(), uuid); !errors.Is(err, fault.NotFound) {
		t.Errorf("one that was never used: %v", err)
	}
	from, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	if _, err := from.WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if err := f.PutTPM(t.Context(), uuid, from); err != nil {
			t.Fatal(err)
		}
	}
	file, err := f.ReadTPM(t.Context(), uuid)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	info, stat := file.Stat()
	if err := errors.Join(err, stat, file.Close()); err != nil || string(text) != "kept" || info.Mode().Perm() != 0o666 {
		t.Errorf("it is %q, %s, %v", text, info.Mode(), err)
	}
	for range 2 {
		if err := f.PutTPM(t.Context(), uuid, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.ReadTPM(t.Context(), uuid); !errors.Is(err, fault.NotFound) {
		t.Errorf("as new it keeps something: %v", err)
	}
}
