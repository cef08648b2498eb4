//go:build linux

package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/internal/store/sealing"
)

func TestACopyOfWhatWasSealedThatAnEarlierBuildLeftInClearIsSealed(t *testing.T) {
	dir := t.TempDir()
	beneath, err := local.Open(filepath.Join(dir, storeFolder), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealing.Open(t.Context(), beneath, filepath.Join(dir, storeKey), secrets, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	copied := sealedFile{filepath.Join(dir, "sealed.json"), s}
	if err := copied.sealLeft(); err != nil {
		t.Fatalf("where there is none: %v", err)
	}
	const text = `{"generation":1,"declaration":{"hypervisor":{"vms":{"web":{"cloudInit":{"passwordHash":"$6$salt$GEHEIM"}}}}}}`
	if err := os.WriteFile(copied.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := copied.sealLeft(); err != nil {
			t.Fatal(err)
		}
		if lies, err := os.ReadFile(copied.path); err != nil || strings.Contains(string(lies), "GEHEIM") {
			t.Fatalf("it lies there as %s, %v", lies, err)
		}
		if got, err := copied.Kept(); err != nil || string(got) != text {
			t.Fatalf("it is read as %s, %v", got, err)
		}
	}
}
