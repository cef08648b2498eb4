//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// placeless is what a feature command prints with -o json, without the names of where it was asked.
func placeless(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	delete(v, "declaration")
	delete(v, "host")
	found, _ := v["findings"].([]any)
	for _, f := range found {
		one, _ := f.(map[string]any)
		delete(one, "position") // the daemon's declaration was read in another folder
	}
	return v
}

func TestADaemonAndAFileWithItsFactsAnswerAlike(t *testing.T) {
	h := onehost.New(t)
	d := file(t, "host.nix", `{
  hypervisor.featureManager = { riskTolerance = "cautious"; extraFeatures = [ "threatDetection" "nestedVirtualization" ]; };
  hypervisor.vms.declared.memory = "64MiB";
}`)
	facts := file(t, "facts.json", must(t, h, "host", "-o", "json"))
	must(t, h, "config", "apply", d, "--yes")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "by-hand"; memory = "64MiB"; }`))
	for _, args := range [][]string{
		{"report"}, {"explain", "monitoring"}, {"explain", "nestedVirtualization"}, {"graph", "liveMigration"}, {"show", "threatDetection"},
	} {
		ask := append([]string{"feature"}, append(args, "-o", "json")...)
		daemon, alone := placeless(t, must(t, h, ask...)), placeless(t, must(t, h, append(ask, "--file", d, "--host", facts)...))
		if diff := cmp.Diff(daemon, alone); diff != "" && args[0] != "graph" {
			t.Errorf("%s (-daemon +file):\n%s", strings.Join(args, " "), diff)
		}
	}
	if out, errs, code := h.HV(t.Context(), nil, "feature", "what-if", "-monitoring"); code != 1 || !strings.Contains(out, "monitoring cannot be off: threatDetection uses it") {
		t.Errorf("turning monitoring off would: exit %d %s%s", code, out, errs)
	}
	if out := must(t, h, "feature", "what-if", "-snapshots"); !strings.Contains(out, "  - snapshots\n") || !strings.Contains(out, "none gains or loses anything") || !strings.Contains(out, "nothing refuses it") {
		t.Errorf("turning snapshots off would: %s", out)
	}
	if out := must(t, h, "feature", "diff", "standing", d); !strings.Contains(out, "none comes or goes") {
		t.Errorf("what stands and the file that it was made of differ: %s", out)
	}
	if out := strings.Join(strings.Fields(must(t, h, "feature", "list", "--why")), " "); !strings.Contains(out, "threatDetection (selected in extraFeatures) → monitoring") {
		t.Errorf("the list says no why: %s", out)
	}
}
