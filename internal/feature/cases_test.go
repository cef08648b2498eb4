package feature

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// built is this build's catalogue with hands for everything, so that needs and states can be seen.
func built(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	d := catalogue.Standard()
	d.NotInBuild = nil
	return made(t, d)
}

func made(t testing.TB, d catalogue.Data) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ready is a host that meets every need.
func ready() Facts {
	f := Facts{Platform: catalogue.LinuxX86, Needs: map[catalogue.Need]NeedState{}}
	for _, feature := range catalogue.All() {
		for _, n := range feature.Needs {
			f.Needs[n] = NeedState{Met: true}
		}
	}
	return f
}

// but is ready without what is named.
func but(needs ...catalogue.Need) Facts {
	f := ready()
	for _, n := range needs {
		f.Needs[n] = NeedState{Why: string(n) + " was not found"}
	}
	return f
}

// on is a host of another platform that meets every need.
func on(p catalogue.Platform) Facts {
	f := ready()
	f.Platform = p
	return f
}

// expect is one case: what a declaration comes to. A feature is given as id=state, a finding as
// "code subject…"; only what is given is looked for, except refusals, which must be complete.
type expect struct {
	name     string
	d        Declaration
	facts    Facts
	features string
	absent   string
	findings []string
	says     []string
}

func (e expect) check(t *testing.T, cat *catalogue.Catalogue) {
	t.Helper()
	r := resolve(cat, e.d, e.facts)
	for want := range strings.FieldsSeq(e.features) {
		id, state, _ := strings.Cut(want, "=")
		if got, ok := r.Lookup(catalogue.ID(id)); !ok || string(got.State) != state {
			t.Errorf("%s: %s is %q, want %s", e.name, id, got.State, state)
		}
	}
	for id := range strings.FieldsSeq(e.absent) {
		if _, ok := r.Lookup(catalogue.ID(id)); ok {
			t.Errorf("%s: %s is effective", e.name, id)
		}
	}
	text := report(r)
	var got []string
	for _, f := range r.Findings {
		line := f.Code + " " + strings.Join(f.Subject, " ")
		got = append(got, line)
		if f.Severity == finding.Refused && !slices.Contains(e.findings, line) {
			t.Errorf("%s: refused for %s: %s", e.name, line, f.What)
		}
	}
	for _, want := range e.findings {
		if !slices.Contains(got, want) {
			t.Errorf("%s: no finding %q in %q", e.name, want, got)
		}
	}
	for _, want := range e.says {
		if !strings.Contains(text, want) {
			t.Errorf("%s: nothing says %q:\n%s", e.name, want, text)
		}
	}
}

// group is cases that share a catalogue.
type group struct {
	cat   *catalogue.Catalogue
	cases []expect
}

func checkAll(t *testing.T, g group) {
	t.Helper()
	for _, c := range g.cases {
		c.check(t, g.cat)
	}
}

func custom(names ...string) Declaration {
	return Declaration{Profile: "custom", EnabledFeatures: list(names...)}
}

func with(d Declaration, change func(*Declaration)) Declaration {
	change(&d)
	return d
}

func TestEveryCodeIsDocumentedAndHappens(t *testing.T) {
	happens := map[string]finding.Severity{codeOff: finding.Refused, codeStillUsed: finding.Refused} // from WhyOff and StillUsed
	for _, g := range []group{
		selectionCases(t), wrongCases(t), riskCases(t), requirementCases(t), conflictCases(t),
		stateCases(t), missingCases(), missingRequirementCases(t),
	} {
		for _, c := range g.cases {
			for _, f := range resolve(g.cat, c.d, c.facts).Findings {
				happens[f.Code] = f.Severity
				if len(f.Ways) == 0 != editless(g.cat, f) {
					t.Errorf("%s: %s has %d ways, and is documented otherwise", c.name, f.Code, len(f.Ways))
				}
			}
		}
	}
	for i, c := range Codes() {
		if want := fmt.Sprintf("HV-FEAT-%03d", i+1); c.Code != want || c.Means == "" {
			t.Errorf("code %d is %s %q, want %s", i, c.Code, c.Means, want)
		}
		if c.Edits == "" || c.Edits == ByHost && c.Severity == finding.Refused {
			t.Errorf("%s refuses, or does not say whether an edit helps", c.Code)
		}
		if happens[c.Code] != c.Severity {
			t.Errorf("%s (%s) is %q in the cases, documented as %s", c.Code, c.Means, happens[c.Code], c.Severity)
		}
		delete(happens, c.Code)
	}
	if len(happens) > 0 {
		t.Errorf("not documented: %v", happens)
	}
}
