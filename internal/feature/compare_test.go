package feature

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func TestWhatChangesFromOneDeclarationToAnother(t *testing.T) {
	cat := built(t)
	before := resolve(cat, custom("webDashboard", "snapshots"), but(catalogue.Nginx))
	after := resolve(cat, custom("webDashboard", "remoteBackup"), ready())
	d := Compare(before, after)
	var gained []string
	for _, e := range d.Gained {
		gained = append(gained, string(e.ID))
	}
	if strings.Join(gained, " ") != "localBackup remoteBackup" || !slices.Equal(d.Lost, []catalogue.ID{"snapshots"}) ||
		len(d.Changed) != 1 || d.Changed[0].ID != "webDashboard" || d.Changed[0].Before != Waiting || d.Changed[0].After != On {
		t.Errorf("got %+v", d)
	}
	if len(d.Said) != 1 || d.Said[0].Code != codeAdded || len(d.Gone) != 1 || d.Gone[0].Code != codeWaiting {
		t.Errorf("said %v, gone %v", d.Said, d.Gone)
	}
	if d.Risk.Before.Now != catalogue.Minimal || d.Risk.After.Now != catalogue.Moderate || !slices.Equal(d.Risk.Contributing, []catalogue.ID{"remoteBackup"}) {
		t.Errorf("risk is %+v", d.Risk)
	}
	if same := Compare(after, after); !same.Same() {
		t.Errorf("the same differs: %+v", same)
	}
}

func TestTurningOnAndOffDoesThatOrSaysWhyNot(t *testing.T) {
	cat := built(t)
	ids := rapid.SampledFrom(cat.All())
	rapid.Check(t, func(t *rapid.T) {
		d, facts, id := drawDeclaration(t), drawFacts(t), ids.Draw(t, "feature").ID
		edited, err := Edited(d, turnOn(cat, d, id))
		if err != nil {
			t.Fatal(err)
		}
		on := resolve(cat, edited, facts)
		if _, there := on.Lookup(id); !there && !on.Findings.Refuses() && len(on.LeftOut) == 0 {
			t.Errorf("%s is not on, and nothing says why:\n%s", id, report(on))
		}
		if edited, err = Edited(d, turnOff(cat, d, id)); err != nil {
			t.Fatal(err)
		}
		off := resolve(cat, edited, facts)
		says := func(f finding.Finding) bool {
			return f.Severity == finding.Refused && slices.Contains(f.Subject, string(id))
		}
		if _, there := off.Lookup(id); there && !slices.ContainsFunc(off.Findings, says) {
			t.Errorf("%s is still on, and nothing refuses that:\n%s", id, report(off))
		}
	})
}
