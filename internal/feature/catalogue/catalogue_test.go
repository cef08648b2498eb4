package catalogue

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func small(change func(*Data)) Data {
	d := Data{
		Features: []Feature{plain("a"), plain("b"), plain("c")},
		Relations: []Relation{
			{A: "a", B: "b", Kind: Conflict, Scope: OnHost, Reason: "r", Remedy: "m", Source: "s"},
		},
	}
	change(&d)
	return d
}

func plain(id ID) Feature {
	return Feature{
		ID: id, Name: "N", Category: CategoryCore, Risk: Minimal,
		On: "on", Off: "off", ChangesIn: setup, Description: "d", Benefits: []string{"b"}, Exposes: "e",
		Mitigations: []string{"m"}, Since: "1.0.0", Tunables: none, Impact: light,
	}
}

func TestACatalogueThatDoesNotHangTogetherIsRefused(t *testing.T) {
	first := func(d *Data) *Relation { return &d.Relations[0] }
	for name, c := range map[string]struct {
		change func(*Data)
		want   string
	}{
		"unknown id required":     {func(d *Data) { d.Features[0].Requires = []ID{"x"} }, `feature "a" names "x"`},
		"unknown id optional":     {func(d *Data) { d.Features[0].Optional = []ID{"x"} }, `feature "a" names "x"`},
		"unknown id in relation":  {func(d *Data) { first(d).B = "x" }, `relation a × x names "x"`},
		"unknown id in alias":     {func(d *Data) { d.Aliases = map[string]ID{"old": "x"} }, `alias "old" names "x"`},
		"unknown id in a set":     {func(d *Data) { d.Sets = []Ceiling{{Name: "low", Members: []Member{{ID: "x"}}}} }, `set "low" names "x"`},
		"unknown id in a profile": {func(d *Data) { d.Profiles = []Profile{{Name: "p", Members: []ID{"x"}}} }, `profile "p" names "x"`},
		"unknown id not in build": {func(d *Data) { d.NotInBuild = []ID{"x"} }, `not in this build names "x"`},
		"unknown need":            {func(d *Data) { d.Features[0].Needs = []Need{"x"} }, `unknown need "x"`},
		"unknown risk":            {func(d *Data) { d.Features[0].Risk = "x" }, `unknown risk "x"`},
		"unknown kind":            {func(d *Data) { first(d).Kind = "x" }, `unknown kind "x"`},
		"unknown scope":           {func(d *Data) { first(d).Scope = "x" }, `unknown scope "x"`},
		"a pair written twice":    {func(d *Data) { d.Relations = append(d.Relations, Relation{A: "b", B: "a"}) }, "relation b × a is written twice"},
		"a feature written twice": {func(d *Data) { d.Features = append(d.Features, plain("a")) }, `feature "a" is written twice`},
		"a pair of one":           {func(d *Data) { first(d).B = "a" }, "one feature with itself"},
		"no reason":               {func(d *Data) { first(d).Reason = "" }, "lacks a reason"},
		"no remedy":               {func(d *Data) { first(d).Remedy = "" }, "lacks a reason, a remedy"},
		"no source":               {func(d *Data) { first(d).Source = "" }, "or a source"},
		"a limit with a scope":    {func(d *Data) { first(d).Kind = Limited }, "is a limit and has a scope"},
		"a scope not narrower":    {func(d *Data) { first(d).Narrow = map[Scope]string{OnHost: "x"} }, `scope "host" is not narrower`},
		"a scope without a price": {func(d *Data) { first(d).Narrow = map[Scope]string{OnVM: ""} }, "does not say what it adds"},
		"in two sets": {func(d *Data) {
			m := []Member{{ID: "a"}}
			d.Sets = []Ceiling{{Name: "low", Members: m}, {Name: "high", Members: m}}
		}, `"a" is in two sets`},
		"a cycle": {func(d *Data) {
			d.Features[0].Requires, d.Features[1].Requires, d.Features[2].Requires = []ID{"b"}, []ID{"c"}, []ID{"a"}
		}, `feature "a" requires itself through "b"`},
		"requires itself":        {func(d *Data) { d.Features[0].Requires = []ID{"a"} }, `feature "a" requires itself`},
		"an alias of its own":    {func(d *Data) { d.Aliases = map[string]ID{"a": "b"} }, `alias "a" is a feature itself`},
		"a column empty":         {func(d *Data) { d.Features[0].Off = "" }, `feature "a" lacks the column off`},
		"a risk not explained":   {func(d *Data) { d.Features[0].Exposes = "" }, `feature "a" lacks the column exposes`},
		"tunables forgotten":     {func(d *Data) { d.Features[0].Tunables = nil }, `feature "a" lacks the column tunables`},
		"no impact":              {func(d *Data) { d.Features[0].Impact.Disk = "" }, `feature "a" has the impact "" on disk`},
		"core that changes":      {func(d *Data) { d.Features[0].Core = true }, "what is core never changes"},
		"a limit without reason": {func(d *Data) { d.Features[0].Platforms = map[Platform]Support{BSD: {Mark: Limits}} }, "limit without a reason"},
		"a limit without remedy": {func(d *Data) { d.Features[0].Platforms = map[Platform]Support{BSD: {Mark: Nothing, Reason: "r"}} }, "and a remedy"},
	} {
		_, err := New(small(c.change))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := New(small(func(*Data) {})); err != nil {
		t.Errorf("a good catalogue is refused: %v", err)
	}
}

func TestThisBuildsCatalogueHangsTogether(t *testing.T) {
	if _, err := New(Standard()); err != nil {
		t.Fatal(err)
	}
}

func TestOlderNamesAreUnderstoodWithANotice(t *testing.T) {
	for old, now := range map[string]ID{
		"metrics": Monitoring, "prometheus": PrometheusExport, "aiAnomalyDetection": MLAnalysis,
		"publicNetworkBridge": PublicBridge, "sriov": SRIOV, "nestedVirt": NestedVirtualization,
		"restApi": API, "graphqlApi": API, "continuousBackup": ContinuousReplication,
	} {
		f, notice, err := Lookup(old)
		if err != nil || f.ID != now || !strings.Contains(notice, string(now)) {
			t.Errorf("%s: %s, %q, %v", old, f.ID, notice, err)
		}
	}
}

func TestAnUnknownNameGetsTheNearestIds(t *testing.T) {
	for name, want := range map[string]string{
		"monitorng": "did you mean monitoring?",
		"promtheus": "did you mean prometheusExport?",
		"kitchen":   "hv feature list names them all",
	} {
		_, _, err := Lookup(name)
		if !errors.Is(err, fault.NotFound) || fault.HintOf(err) != want {
			t.Errorf("%s: %v, hint %q, want %q", name, err, fault.HintOf(err), want)
		}
	}
	_, _, err := Lookup(strings.Repeat("é", 5000))
	if len(err.Error()) > 200 {
		t.Errorf("a long name is repeated whole: %d bytes", len(err.Error()))
	}
}

func TestClosuresGoAllTheWayDown(t *testing.T) {
	got := Default().Closure(ContinuousReplication)
	want := []ID{BasicMonitoring, Monitoring, LocalBackup, RemoteBackup, ContinuousReplication}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if Default().Closure("x") != nil {
		t.Error("an unknown id has a closure")
	}
}

func TestMaxRiskHoldsAllAtOrBelow(t *testing.T) {
	for _, f := range MaxRisk(Low) {
		if f.Risk != Minimal && f.Risk != Low {
			t.Errorf("%s is %s", f.ID, f.Risk)
		}
	}
	if got, all := len(MaxRisk(Critical)), len(All()); got != all {
		t.Errorf("%d of %d", got, all)
	}
}

func TestCapsAreThoseOfTheSpecification(t *testing.T) {
	for name, want := range map[Tolerance]Risk{Paranoid: Low, Cautious: Moderate, Balanced: High, Accepting: Critical} {
		got, ok := name.Cap()
		if !ok || got != want {
			t.Errorf("%s allows %s, want %s", name, got, want)
		}
		if back := ToleranceFor(want); back != name {
			t.Errorf("%s wants tolerance %s, want %s", want, back, name)
		}
		if name.Waives() != (name == Accepting) {
			t.Errorf("%s waives acknowledgements: %v", name, name.Waives())
		}
	}
	if _, ok := Tolerance("reckless").Cap(); ok {
		t.Error("an unknown tolerance has a cap")
	}
	if ToleranceFor(Minimal) != Paranoid || len(Tolerances()) != 4 {
		t.Error("tolerances are not as specified")
	}
}

func TestNothingOfACatalogueCanBeChangedByItsReader(t *testing.T) {
	All()[0].ID = "broken"
	Default().Profiles()[0].Name = "broken"
	if All()[0].ID == "broken" || Default().Profiles()[0].Name == "broken" {
		t.Error("a copy was not handed out")
	}
}

func TestARelationKnowsItsOtherSideAndItsScopes(t *testing.T) {
	r, _ := Between(LiveMigration, RemoteBackup)
	if r.Other(LiveMigration) != RemoteBackup || r.Other(RemoteBackup) != LiveMigration {
		t.Error("the other side is wrong")
	}
	if got := r.Narrower(); !slices.Equal(got, []Scope{OnVM, OnOperation}) {
		t.Errorf("narrower scopes are %v", got)
	}
	if _, ok := Between(API, Snapshots); ok {
		t.Error("two that simply go together have a relation")
	}
	if _, ok := Default().Get("x"); ok || Mark("x").Symbol() != "-" {
		t.Error("what does not exist was found")
	}
}
