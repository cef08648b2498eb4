package feature

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// same reports whether two findings say the same of the same.
func same(a, b finding.Finding) bool {
	return a.Code == b.Code && a.What == b.What && slices.Equal(a.Subject, b.Subject)
}

// editless reports whether no edit of a declaration can take a finding away, as its code is documented.
func editless(cat *catalogue.Catalogue, f finding.Finding) bool {
	core := false
	if len(f.Subject) > 0 {
		place, _, ok := cat.Place(f.Subject[0])
		core = ok && cat.Core().Has(place)
	}
	i := slices.IndexFunc(Codes(), func(c Code) bool { return c.Code == f.Code })
	switch Codes()[i].Edits {
	case ByHost, ByOwner:
		return true
	case NotOfCore:
		return core
	case IfAlone:
		return strings.Contains(f.What, "the declaration is refused")
	case ByEdit:
	}
	return false
}

func checkWays(t *rapid.T, cat *catalogue.Catalogue, d Declaration, facts Facts) {
	for _, f := range resolve(cat, d, facts).Findings {
		if len(f.Ways) == 0 != editless(cat, f) {
			t.Errorf("%s %s: %d edits take it away, and its code is documented otherwise (%q)", f.Code, f.What, len(f.Ways), f.Remedy)
		}
		for _, way := range f.Ways {
			edited, err := Edited(d, way)
			if err != nil {
				t.Errorf("%s %s: %v", f.Code, f.What, err)
				continue
			}
			if slices.ContainsFunc(resolve(cat, edited, facts).Findings, func(g finding.Finding) bool { return same(f, g) }) {
				t.Errorf("%s is still there after %+v:\n%s\n%+v", f.Code, way, f.What, edited)
			}
		}
	}
}

func TestEveryRemedyTakesItsFindingAway(t *testing.T) {
	for name, cat := range map[string]*catalogue.Catalogue{"built": built(t), "this build": catalogue.Default()} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkWays(t, cat, drawDeclaration(t), drawFacts(t)) })
		})
	}
}

// What was found once stays found.
func TestWhatIsNamedBesideItsProfileDoesNotComeBackFromIt(t *testing.T) {
	cat := built(t)
	d := Declaration{ExtraFeatures: []string{"remoteBackup"}, DisabledFeatures: []string{"localBackup"}}
	r := resolve(cat, d, ready())
	refused := r.Findings.Of(finding.Refused)
	if len(refused) != 1 || refused[0].Code != codeInUse || len(refused[0].Ways) != 2 {
		t.Fatalf("got %+v", refused)
	}
	for _, way := range refused[0].Ways {
		edited, err := Edited(d, way)
		if err != nil {
			t.Fatal(err)
		}
		if after := resolve(cat, edited, ready()); after.Refused() {
			t.Errorf("after %+v: %s", way, report(after))
		}
	}
	if want := `remove "remoteBackup" from hypervisor.featureManager.extraFeatures and add "remoteBackup" to hypervisor.featureManager.disabledFeatures`; !strings.HasSuffix(refused[0].Remedy, want) {
		t.Errorf("it says %q", refused[0].Remedy)
	}
}

// dropped is d without one feature: nothing names it, and the profile, where it plays a part, brings neither it
// nor what requires it.
func dropped(cat *catalogue.Catalogue, d Declaration, place int, fromProfile bool) Declaration {
	d = d.clone()
	gone := func(users catalogue.Bits) func(string) bool {
		return func(name string) bool {
			p, _, ok := cat.Place(name)
			return ok && users.Has(p)
		}
	}
	users, itself := gone(cat.Users(place)), gone(catalogue.Bit(place))
	if d.EnabledFeatures != nil {
		*d.EnabledFeatures = slices.DeleteFunc(*d.EnabledFeatures, users)
	}
	d.ExtraFeatures = slices.DeleteFunc(d.ExtraFeatures, users)
	d.DisabledFeatures = slices.DeleteFunc(d.DisabledFeatures, itself)
	for name := range d.AcknowledgedRisks {
		if itself(name) {
			delete(d.AcknowledgedRisks, name)
		}
	}
	for a, inner := range d.ConflictScope {
		for b := range inner {
			if itself(b) {
				delete(inner, b)
			}
		}
		if itself(a) {
			delete(d.ConflictScope, a)
		}
	}
	if !fromProfile {
		return d
	}
	profile := d.Profile
	if profile == "" {
		profile = catalogue.DefaultProfile
	}
	for i := range (cat.MembersOf(profile) & cat.Users(place)).Each() {
		d.DisabledFeatures = append(d.DisabledFeatures, string(cat.At(i).ID))
	}
	return d
}

func TestAFindingNamesNothingThatPlaysNoPartInIt(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		d, facts := drawDeclaration(t), drawFacts(t)
		for _, f := range resolve(cat, d, facts).Findings {
			for _, name := range f.Subject {
				place, _, ok := cat.Place(name)
				if !ok || cat.Core().Has(place) {
					continue // an option, an unknown name; or core, which cannot be dropped
				}
				without := dropped(cat, d, place, d.EnabledFeatures == nil || f.Code == codeUnused)
				if slices.ContainsFunc(resolve(cat, without, facts).Findings, func(g finding.Finding) bool { return same(f, g) }) {
					t.Errorf("%s names %s, and is there without it: %s\nfrom %+v\nto   %+v", f.Code, name, f.What, d, without)
				}
			}
		}
	})
}

func TestAnEditThatIsNoneOfTheSectionsIsRefused(t *testing.T) {
	for _, e := range []finding.Edit{
		{Op: finding.Set, Path: "hypervisor.vms.web.memory", Value: "1GiB"}, {Op: finding.Add, Path: section + ".profile", Value: "x"},
		{Op: finding.Set, Path: section + ".enabledFeatures", Value: "x"}, {Op: finding.Set, Path: section + ".acknowledgedRisks", Value: "x"},
		{Op: finding.Set, Path: section + `.acknowledgedRisks."x`}, {Op: finding.Set, Path: section}, {}, {Op: finding.Add, Path: section + ".acknowledgedRisks.x.y"},
		{Op: finding.Set, Path: section + ".conflictScope.a", Value: "vm"}, {Op: finding.Unset, Path: section + ".tolerance"},
	} {
		if got, err := Edited(Declaration{}, finding.Way{e}); err == nil {
			t.Errorf("%+v made %+v", e, got)
		}
	}
}
