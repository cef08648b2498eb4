package feature

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// What the specification's trees draw is what resolving does, branch by branch.
func TestEachBranchOfATreeIsWhatResolvingDoes(t *testing.T) {
	cat, branches := built(t), 0
	var walk func(parent catalogue.Branch)
	walk = func(parent catalogue.Branch) {
		for _, b := range parent.Branches {
			branches++
			branch(t, cat, parent.Feature, b)
			walk(b)
		}
	}
	for _, tree := range cat.Trees() {
		walk(tree.Root)
	}
	if branches != 21 {
		t.Errorf("%d branches were tried, the specification draws 21", branches)
	}
}

func branch(t *testing.T, cat *catalogue.Catalogue, parent catalogue.ID, b catalogue.Branch) {
	t.Helper()
	d := custom(string(parent))
	d.RiskTolerance = "accepting"
	switch {
	case b.Verb == catalogue.BuiltOn && b.Note == "always enabled": // core: on in any declaration, and never off
		expect{name: b.Text, d: custom(), facts: ready(), features: string(b.Feature) + "=on"}.check(t, cat)
		off := custom()
		off.DisabledFeatures = []string{string(b.Feature)}
		expect{name: b.Text + " off", d: off, facts: ready(), features: string(b.Feature) + "=on",
			findings: []string{codeCoreOff + " " + string(b.Feature)}}.check(t, cat)
	case b.Verb == catalogue.BuiltOn: // the child brings its parent along
		child := custom(string(b.Feature))
		expect{name: b.Text, d: child, facts: ready(), features: string(b.Feature) + "=on " + string(parent) + "=on"}.check(t, cat)
	case b.Verb == catalogue.Requires && b.Feature != "":
		expect{name: b.Text, d: d, facts: ready(), features: string(parent) + "=on " + string(b.Feature) + "=on"}.check(t, cat)
		if r := resolve(cat, d, ready()); !slices.ContainsFunc(why(r, b.Feature), func(w Reason) bool { return w.Kind == RequiredBy }) {
			t.Errorf("%s requires %s, and nobody says so: %v", parent, b.Feature, why(r, b.Feature))
		}
	case b.Verb == catalogue.Requires:
		expect{name: b.Text, d: d, facts: ready(), features: string(parent) + "=on"}.check(t, cat)
		expect{name: "no " + b.Text, d: d, facts: but(b.Need), features: string(parent) + "=waiting",
			findings: []string{codeWaiting + " " + string(parent)}}.check(t, cat)
	case b.Verb == catalogue.Optional && b.Feature != "": // not brought along, and welcome
		expect{name: b.Text, d: d, facts: ready(), features: string(parent) + "=on", absent: string(b.Feature)}.check(t, cat)
		both := custom(string(parent), string(b.Feature))
		both.RiskTolerance = "accepting"
		expect{name: "with " + b.Text, d: both, facts: ready(), features: string(parent) + "=on " + string(b.Feature) + "=on"}.check(t, cat)
	case b.Verb == catalogue.Optional: // an option is a setting of the feature, not a feature
		expect{name: b.Text, d: d, facts: ready(), features: string(parent) + "=on", absent: b.Option}.check(t, cat)
		f, _ := cat.Get(parent)
		if !slices.ContainsFunc(f.Tunables, func(s catalogue.Tunable) bool { return s.Name == b.Option }) {
			t.Errorf("%s has no setting %s", parent, b.Option)
		}
	case b.Verb == catalogue.Conflicts:
		both := custom(string(parent), string(b.Feature))
		both.RiskTolerance = "accepting"
		r := resolve(cat, both, ready())
		if !r.Refused() || !slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
			return f.Code == codeConflict && slices.Contains(f.Subject, string(parent)) && slices.Contains(f.Subject, string(b.Feature))
		}) {
			t.Errorf("%s with %s is not refused: %v", parent, b.Feature, r.Findings)
		}
	default:
		t.Errorf("%s: a branch that nobody tries: %+v", parent, b)
	}
}

func why(r Resolution, id catalogue.ID) []Reason {
	e, _ := r.Lookup(id)
	return e.Why
}

// Each cell of the Operating Systems table that is a feature's: ✅ goes through without a word of the platform, ⚠️
// goes through with its reason, ❌ is refused where it is named (core, which nobody names, is unavailable).
func TestEachFeatureComesOutOnEachPlatformAsItsCellSays(t *testing.T) {
	cat, cells := built(t), 0
	table, _ := cat.Table(catalogue.OperatingSystems)
	for _, row := range table.Rows {
		if row.Feature == "" {
			continue
		}
		for i, cell := range row.Cells {
			cells++
			p := catalogue.Platform(table.Columns[i])
			d := custom(string(row.Feature))
			d.RiskTolerance = "accepting"
			r := resolve(cat, d, on(p))
			var got finding.Severity
			for _, f := range r.Findings {
				if slices.Contains(f.Subject, string(row.Feature)) && strings.Contains(f.What+f.Why, string(p)) {
					got = f.Severity
					if f.Why != cell.Reason && !strings.Contains(f.Why, cell.Reason) {
						t.Errorf("%s on %s: because %q, the table says %q", row.Feature, p, f.Why, cell.Reason)
					}
				}
			}
			want := map[catalogue.Mark]finding.Severity{catalogue.Full: "", catalogue.Limits: finding.Limited, catalogue.Nothing: finding.Refused}[cell.Mark]
			if row.Feature == catalogue.VMManagement && cell.Mark == catalogue.Nothing {
				want = finding.Unavailable
			}
			if got != want {
				t.Errorf("%s on %s is %q, its cell is %s", row.Feature, p, got, cell.Mark.Symbol())
			}
		}
	}
	if cells != 12 {
		t.Errorf("%d cells were tried, want 12", cells)
	}
}

// A risk-level set is a ceiling: all of it goes through under the tolerance of its level, and what it adds does not
// under the tolerance below. What bears a ⚠️ there comes with a warning, or wants its risk acknowledged.
func TestEachSetFitsTheToleranceOfItsLevelAndNoLower(t *testing.T) {
	cat := built(t)
	tolerances := map[catalogue.SetName]catalogue.Tolerance{catalogue.SetLow: catalogue.Paranoid, catalogue.SetModerate: catalogue.Cautious, catalogue.SetHigh: catalogue.Balanced}
	below := map[catalogue.SetName]catalogue.Tolerance{catalogue.SetModerate: catalogue.Paranoid, catalogue.SetHigh: catalogue.Cautious}
	for _, set := range cat.Sets() {
		for _, f := range cat.Set(set.Name) {
			d := custom(string(f.ID))
			d.RiskTolerance = string(tolerances[set.Name])
			d.AcknowledgedRisks = map[string]string{string(f.ID): "it is a test"}
			if r := resolve(cat, d, ready()); r.Refused() || !r.On(string(f.ID)) {
				t.Errorf("%s is in set %s, and is not on under %s: %v", f.ID, set.Name, d.RiskTolerance, r.Findings)
			}
		}
		for _, m := range set.Members {
			d := custom(string(m.ID))
			d.RiskTolerance = string(below[set.Name])
			if low := below[set.Name]; low != "" && !resolve(cat, d, ready()).Refused() {
				t.Errorf("%s is added by set %s, and goes through under %s", m.ID, set.Name, low)
			}
			d.RiskTolerance = string(tolerances[set.Name])
			told := slices.ContainsFunc(resolve(cat, d, ready()).Findings, func(f finding.Finding) bool {
				return slices.Contains(f.Subject, string(m.ID)) && (f.Code == codeWarning || f.Code == codeUnaccepted)
			})
			if told != (m.Mark == catalogue.Limits) {
				t.Errorf("%s is %s in set %s; told: %v", m.ID, m.Mark.Symbol(), set.Name, told)
			}
		}
	}
}
