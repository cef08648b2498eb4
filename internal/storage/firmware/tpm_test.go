//go:build linux

package firmware

import (
	"errors"
	"io/fs"
	"os"
	"testing"
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
