//go:build linux

package boot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestAKernelIsKeptByItsContentAndOpenedSealed(t *testing.T) {
	path := t.TempDir()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const content = "vmlinuz"
	want := sha256.Sum256([]byte(content))
	for range 2 { // the same content again is the same file
		sum, n, err := f.Receive(t.Context(), 7, strings.NewReader(content+"and what follows is not read"))
		if err != nil || sum != hex.EncodeToString(want[:]) || n != 7 {
			t.Fatalf("%s %d %v", sum, n, err)
		}
	}
	sha := hex.EncodeToString(want[:])
	if left, err := f.Unsettled(); err != nil || len(left) != 1 || left[0] != sha {
		t.Errorf("before a boot file names it: %v, %v", left, err)
	}
	if err := f.Settle(sha); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(path); len(left) != 1 {
		t.Errorf("the folder holds %v", left)
	}
	mem, err := f.Open(t.Context(), hex.EncodeToString(want[:]))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mem.Close() }()
	if got, err := io.ReadAll(mem); err != nil || string(got) != content {
		t.Errorf("%q %v", got, err)
	}
	if _, err := mem.WriteAt([]byte("x"), 0); err == nil {
		t.Error("a kernel that a VM was started with can be changed")
	}
	for range 2 {
		if err := f.Remove(t.Context(), hex.EncodeToString(want[:])); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Open(t.Context(), hex.EncodeToString(want[:])); !errors.Is(err, fault.NotFound) {
		t.Errorf("opened what is gone: %v", err)
	}
}

func TestABadImportLeavesNothing(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(path+"/"+folder.Partial+"left", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, _, err := f.Receive(t.Context(), 8, strings.NewReader("short")); !errors.Is(err, fault.Invalid) {
		t.Errorf("short: %v", err)
	}
	if _, _, err := f.Receive(t.Context(), storage.MaxBootFile+1, nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("too large: %v", err)
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := f.Open(t.Context(), "../x"); err == nil {
		t.Error("a name reached out of the folder")
	}
}
