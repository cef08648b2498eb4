package pages

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/nix"
)

// The options and data that NixOS is given follow the schema, the catalogue and the units of the package, whoever
// changes those.
func TestWhatNixOSIsGivenIsFresh(t *testing.T) {
	files, err := nix.Generated(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(root, "nix", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("nix/%s is not what it is made from: go test ./nix -update (%v)", name, err)
		}
	}
}
