//go:build e2e

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

const secretVM = `{ name = "web"; memory = "64MiB"; cloudInit = { user = "me"; passwordHash = "$6$saltsalt$abcdefghijklmnopqrstuv"; }; }`

// holding are the files below a folder in which a text stands.
func holding(t *testing.T, folder, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // of this test's host
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSecretsLieInNoFileInClearAndALostKeyTakesNothingElse(t *testing.T) {
	h := onehost.New(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", secretVM))
	must(t, h, "vm", "start", "web")
	h.WaitState(t.Context(), "web", "running")
	must(t, h, "store", "snapshot", "--state", h.State)
	if in := holding(t, h.State, "saltsalt"); len(in) > 0 {
		t.Errorf("a secret lies in clear in %v", in)
	}

	stop := func() {
		t.Helper()
		if err := h.EndHVD(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	stop()
	key, aside := filepath.Join(h.State, "store.key"), filepath.Join(h.State, "kept.key")
	if err := os.Rename(key, aside); err != nil {
		t.Fatal(err)
	}
	if said, code := h.RunHVD(); code != 65 || !strings.Contains(said, "HV-STORE-010") || !strings.Contains(said, "vm web") || !strings.Contains(said, "sudo hv store forget-secrets") {
		t.Fatalf("exit %d: %s", code, said)
	}
	if err := os.Rename(aside, key); err != nil {
		t.Fatal(err)
	}
	h.StartHVD()
	if out := must(t, h, "vm", "cloud-init", "web", "--show-secrets"); !strings.Contains(out, "$6$saltsalt$") {
		t.Errorf("with its key again the secret is\n%s", out)
	}

	stop()
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if out := must(t, h, "store", "forget-secrets", "--state", h.State, "--dry-run", "-o", "json"); !strings.Contains(out, "vm web") {
		t.Errorf("it would forget\n%s", out)
	}
	must(t, h, "store", "forget-secrets", "--state", h.State, "--yes")
	h.StartHVD()
	h.WaitState(t.Context(), "web", "running")
	if out := must(t, h, "vm", "cloud-init", "web", "--show-secrets"); strings.Contains(out, "saltsalt") || !strings.Contains(out, "name: me") {
		t.Errorf("what is left is\n%s", out)
	}
	must(t, h, "vm", "kill", "web")
}
