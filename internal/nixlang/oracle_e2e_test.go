//go:build e2e

package nixlang

import (
	"os/exec"
	"strings"
	"testing"
)

// recordedWith is the Nix of Debian 12. What another one prints may differ (docs/nixos.md names what is known).
const recordedWith = "nix-instantiate (Nix) 2.8."

// The record that the fast test compares with is what Nix says today.
func TestTheRecordIsWhatNixSays(t *testing.T) {
	version, err := exec.CommandContext(t.Context(), "nix-instantiate", "--version").Output()
	if err != nil {
		t.Skip("there is no nix-instantiate here: apt install nix-bin")
	}
	if !strings.HasPrefix(string(version), recordedWith) {
		t.Skipf("the record is of %s, and this is %s", recordedWith, version)
	}
	work := make(chan evaluation)
	t.Run("ask", func(t *testing.T) {
		for _, name := range []string{"first", "second"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for e := range work {
					if got := byNix(t, e.expr, "--strict"); got != e.strict {
						t.Errorf("%s\n nix:    %s\n record: %s", e.expr, got, e.strict)
					}
				}
			})
		}
		go func() {
			defer close(work)
			for _, e := range readEvaluations(t) {
				work <- e
			}
		}()
	})
}
