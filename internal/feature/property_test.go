package feature

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// drawDeclaration makes declarations as people write them, slips included.
func drawDeclaration(t *rapid.T) Declaration {
	var ids []string
	for _, f := range catalogue.All() {
		ids = append(ids, string(f.ID))
	}
	known := rapid.SampledFrom(ids)
	name := rapid.OneOf(known, known, known, known, known,
		rapid.SampledFrom([]string{"metrics", "restApi", "sriov", "nestedVirt", "continuousBackup", "monitorng", "", "x y"}))
	names := rapid.SliceOfN(name, 0, 8)
	d := Declaration{
		Profile:          rapid.SampledFrom([]string{"", "minimal", "balanced", "full", "custom", "ful"}).Draw(t, "profile"),
		RiskTolerance:    rapid.SampledFrom([]string{"", "paranoid", "cautious", "balanced", "accepting", "bold"}).Draw(t, "tolerance"),
		ExtraFeatures:    rapid.SliceOfN(name, 0, 3).Draw(t, "extra"),
		DisabledFeatures: rapid.SliceOfN(name, 0, 3).Draw(t, "disabled"),
		AcknowledgedRisks: rapid.MapOfN(name, rapid.SampledFrom([]string{"", " ", "tested in the lab"}), 0, 4).
			Draw(t, "risks"),
	}
	if rapid.Bool().Draw(t, "listed") {
		l := names.Draw(t, "enabled")
		d.EnabledFeatures = &l
	}
	scope := rapid.SampledFrom([]string{"host", "vm", "operation", "rack"})
	pairing := rapid.SampledFrom([]string{"liveMigration", "remoteBackup", "continuousReplication", "gpuPassthrough", "srIov", "api", "continuousBackup"})
	d.ConflictScope = rapid.MapOfN(pairing, rapid.MapOfN(pairing, scope, 0, 2), 0, 3).Draw(t, "scopes")
	return d
}

func drawFacts(t *rapid.T) Facts {
	f := Facts{
		Platform: rapid.SampledFrom(append(catalogue.Platforms(), catalogue.NotAsked, catalogue.AnyOther)).Draw(t, "platform"),
		Needs:    map[catalogue.Need]NeedState{},
	}
	for _, n := range sortedKeys(ready().Needs) {
		if rapid.Bool().Draw(t, "asked") {
			f.Needs[n] = NeedState{Met: rapid.Bool().Draw(t, "met"), Why: "seen"}
		}
	}
	return f
}

func TestTheOrderOfADeclarationPlaysNoPart(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		d, f := drawDeclaration(t), drawFacts(t)
		shuffled := d
		if d.EnabledFeatures != nil {
			l := rapid.Permutation(*d.EnabledFeatures).Draw(t, "enabled anew")
			shuffled.EnabledFeatures = &l
		}
		shuffled.ExtraFeatures = rapid.Permutation(d.ExtraFeatures).Draw(t, "extra anew")
		shuffled.DisabledFeatures = rapid.Permutation(d.DisabledFeatures).Draw(t, "disabled anew")
		a, b := placeless(resolve(cat, d, f)), placeless(resolve(cat, shuffled, f))
		if !reflect.DeepEqual(a, b) {
			t.Errorf("one way round:\n%s\nthe other:\n%s", report(a), report(b))
		}
	})
}

// placeless is r without the places in lists, which do depend on the order.
func placeless(r Resolution) Resolution {
	r.Declaration = Declaration{}
	for i := range r.Findings {
		r.Findings[i].Path = ""
	}
	r.Findings.Sort()
	return r
}

func TestResolvingAgainChangesNothing(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		d, f := drawDeclaration(t), drawFacts(t)
		before, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		first := resolve(cat, d, f)
		again := resolve(cat, first.Declaration, f)
		if !reflect.DeepEqual(first, again) {
			t.Errorf("first:\n%s\nagain:\n%s", report(first), report(again))
		}
		after, err := json.Marshal(first.Declaration)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("the declaration was %s and is %s (%v)", before, after, err)
		}
	})
}

func TestWhatIsEffectiveHoldsTogether(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		d, facts := drawDeclaration(t), drawFacts(t)
		r := resolve(cat, d, facts)
		limit, known := r.RiskTolerance.Cap()
		for _, e := range r.Effective {
			if len(e.Why) == 0 {
				t.Errorf("nobody knows why %s is there", e.ID)
			}
			if (e.State == On) != (len(e.Held) == 0) {
				t.Errorf("%s is %s, held by %v", e.ID, e.State, e.Held)
			}
			for _, need := range cat.Closure(e.ID) {
				if got, ok := r.Lookup(need); !ok || (e.State == On && got.State != On) {
					t.Errorf("%s is %s, and %s, which it requires, is %q", e.ID, e.State, need, got.State)
				}
			}
			f, _ := cat.Get(e.ID)
			if known && f.Risk.Over(limit) && !r.Refused() {
				t.Errorf("%s is %s under %s", e.ID, f.Risk, r.RiskTolerance)
			}
			for _, other := range r.Effective {
				if rel, ok := cat.Between(e.ID, other.ID); ok && !r.Refused() && rel.Scope == catalogue.OnHost && !narrowed(cat, d, rel) {
					t.Errorf("%s and %s conflict on the host and are both effective", e.ID, other.ID)
				}
			}
		}
	})
}

func narrowed(cat *catalogue.Catalogue, d Declaration, r catalogue.Relation) bool {
	at := slices.IndexFunc(cat.Pairs(), func(p catalogue.Pair) bool { return p.A == r.A && p.B == r.B })
	return read(cat, d).scopeOf(at) != catalogue.OnHost
}

func TestNothingIsDroppedInSilence(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		d, facts := drawDeclaration(t), drawFacts(t)
		r := resolve(cat, d, facts)
		there := func(id catalogue.ID) bool { _, ok := r.Lookup(id); return ok }
		var named []string
		if d.EnabledFeatures != nil {
			named = *d.EnabledFeatures
		}
		for _, name := range slices.Concat(named, d.ExtraFeatures) {
			if f, _, err := cat.Lookup(name); err == nil && !there(f.ID) {
				t.Errorf("%s is named and not there", name)
			}
		}
		if p, ok := cat.Profile(r.Profile); ok && d.EnabledFeatures == nil {
			for _, id := range p.Members {
				left := slices.ContainsFunc(r.LeftOut, func(l LeftOut) bool { return l.ID == id })
				off := slices.ContainsFunc(d.DisabledFeatures, func(n string) bool { f, _, err := cat.Lookup(n); return err == nil && f.ID == id })
				if !there(id) && !left && !off {
					t.Errorf("%s of profile %s is neither there nor said to be left out", id, p.Name)
				}
				if there(id) && left && !slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
					return f.Code == codeAdded && f.Subject[0] == string(id)
				}) {
					t.Errorf("%s is there and said to be left out", id)
				}
			}
		}
	})
}

func TestEveryFindingSaysWhatWhyAndWhatNext(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		r := resolve(cat, drawDeclaration(t), drawFacts(t))
		for _, f := range r.Findings {
			if f.What == "" || f.Why == "" || f.Remedy == "" || f.Source == "" || len(f.Subject) == 0 {
				t.Errorf("%s lacks something: %+v", f.Code, f)
			}
		}
	})
}
