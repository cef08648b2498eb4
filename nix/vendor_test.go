package nix

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildGoModule wants the hash of what go mod vendor makes; a dependency that changes changes it.
func TestTheHashOfTheVendoredModulesIsFresh(t *testing.T) {
	if _, err := exec.LookPath("nix-hash"); err != nil {
		t.Skip("there is no nix-hash here: apt install nix-bin")
	}
	folder := filepath.Join(t.TempDir(), "vendor")
	vendor := exec.CommandContext(t.Context(), "go", "mod", "vendor", "-o", folder)
	vendor.Dir = ".."
	vendor.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off")
	if said, err := vendor.CombinedOutput(); err != nil {
		t.Skipf("modules that only other systems need are not in the cache here: go mod download\n%s", said)
	}
	out, err := exec.CommandContext(t.Context(), "nix-hash", "--type", "sha256", folder).Output()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := hex.DecodeString(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	want := `"sha256-` + base64.StdEncoding.EncodeToString(sum) + "\"\n"
	if *update {
		if err := os.WriteFile("vendor-hash.nix", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("vendor-hash.nix"); err != nil || string(got) != want {
		t.Errorf("vendor-hash.nix is not that of go mod vendor, which is %s: go test ./nix -update (%v)", want, err)
	}
}
