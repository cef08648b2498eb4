package feature

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

var update = flag.Bool("update", false, "write the golden files")

func list(names ...string) *[]string { return &names }

// The recommended configurations of the specification, verbatim.
var recommended = map[string]Declaration{
	"home-lab": {
		Profile: "balanced", RiskTolerance: "balanced",
		EnabledFeatures: list("monitoring", "localBackup", "webDashboard", "cliEnhancements"),
	},
	"development": {
		Profile: "full", RiskTolerance: "accepting",
		EnabledFeatures: list("monitoring", "api", "devEnvironments", "snapshots", "webDashboard"),
	},
	"production": {
		Profile: "custom", RiskTolerance: "cautious",
		EnabledFeatures: list("monitoring", "threatDetection", "remoteBackup", "microSegmentation", "encryption", "auditLogging"),
	},
	"security-critical": {
		Profile: "minimal", RiskTolerance: "paranoid",
		EnabledFeatures: list("auditLogging", "threatDetection", "behavioralAnalysis", "forensics"),
	},
}

func TestTheRecommendedConfigurationsResolveToTheSpecificationsSets(t *testing.T) {
	// Decision 2; what is added by a requirement bears a plus.
	for name, want := range map[string]string{
		"home-lab":          "monitoring localBackup webDashboard cliEnhancements",
		"development":       "monitoring api devEnvironments snapshots webDashboard",
		"production":        "monitoring threatDetection remoteBackup microSegmentation encryption +localBackup",
		"security-critical": "threatDetection behavioralAnalysis forensics +monitoring",
	} {
		for _, platform := range append(catalogue.Platforms(), catalogue.NotAsked, catalogue.AnyOther) {
			r := Resolve(recommended[name], Facts{Platform: platform})
			if r.Refused() {
				t.Errorf("%s on %q is refused: %v", name, platform, r.Findings[0])
			}
			wanted := strings.Fields(want)
			slices.Sort(wanted)
			if diff := cmp.Diff(wanted, beyondCore(r)); diff != "" {
				t.Errorf("%s on %q (-specification +resolved):\n%s", name, platform, diff)
			}
		}
	}
}

func beyondCore(r Resolution) []string {
	var out []string
	for _, e := range r.Effective {
		f, _ := catalogue.Default().Get(e.ID)
		selected := slices.ContainsFunc(e.Why, func(w Reason) bool { return w.Kind == Selected || w.Kind == FromProfile })
		switch {
		case f.Core:
		case selected:
			out = append(out, string(e.ID))
		default:
			out = append(out, "+"+string(e.ID))
		}
	}
	slices.Sort(out)
	return out
}

func TestTheRecommendedConfigurationsReadAsBefore(t *testing.T) {
	for name, d := range recommended {
		file := filepath.Join("testdata", name+".golden")
		got := report(Resolve(d, Facts{Platform: catalogue.LinuxX86, Needs: map[catalogue.Need]NeedState{catalogue.QEMU: {Met: true}}}))
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-golden +got; -update writes it):\n%s", name, diff)
		}
	}
}

// report is a resolution as text, whole.
func report(r Resolution) string {
	var b strings.Builder
	fmt.Fprintf(&b, "profile %s, tolerance %s, risk %s, now %s\n", r.Profile, r.RiskTolerance, r.Risk.Level, r.Risk.Now)
	for _, c := range r.Risk.Contributors {
		fmt.Fprintf(&b, "  %s (%s) exposes %s; mitigated: %s\n", c.ID, c.State, c.Exposes, strings.Join(c.Mitigations, "; "))
	}
	for _, e := range r.Effective {
		var why []string
		for _, reason := range e.Why {
			why = append(why, reason.String())
		}
		fmt.Fprintf(&b, "%s %s: %s", e.State, e.ID, strings.Join(why, ", "))
		if len(e.Held) > 0 {
			fmt.Fprintf(&b, " [%s]", strings.Join(e.Held, ", "))
		}
		b.WriteByte('\n')
	}
	for _, l := range r.LeftOut {
		fmt.Fprintf(&b, "left out %s: %s\n", l.ID, l.Why)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s %s\n    why: %s\n    remedy: %s\n    at %s, by %s\n", f.Code, f.Severity, f.What, f.Why, f.Remedy, f.Path, f.Source)
	}
	return b.String()
}
