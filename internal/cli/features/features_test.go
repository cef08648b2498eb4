package features

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

func TestAFeatureToTurnOffIsNotReadAsFlags(t *testing.T) {
	for given, want := range map[string]string{
		"feature what-if -api":                            "feature what-if −api",
		"feature what-if +api -vmImport -o json":          "feature what-if +api −vmImport -o json",
		"feature what-if -ojson +api":                     "feature what-if -ojson +api",
		"feature what-if -o yaml -nope --file -x.nix":     "feature what-if -o yaml −nope --file -x.nix",
		"feature what-if --file f.nix -f g.nix -q -h":     "feature what-if --file f.nix -f g.nix -q -h",
		"-v feature what-if -srIov":                       "-v feature what-if −srIov",
		"feature list -api":                               "feature list -api",
		"vm create what-if -api":                          "vm create what-if -api",
		"feature what-if -localBackup -liveMigration -qv": "feature what-if −localBackup −liveMigration -qv",
	} {
		if got := strings.Join(Arguments(strings.Fields(given)), " "); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestADifferenceHasEveryLineOfBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 8)
		a, b := lines.Draw(t, "a"), lines.Draw(t, "b")
		var before, after []string
		for _, c := range lineDiff(a, b) {
			if c.sign != '+' {
				before = append(before, c.text)
			}
			if c.sign != '-' {
				after = append(after, c.text)
			}
		}
		if !slices.Equal(before, a) && len(before)+len(a) > 0 || !slices.Equal(after, b) && len(after)+len(b) > 0 {
			t.Errorf("from %q to %q it says %q and %q", a, b, before, after)
		}
	})
}

func TestAnEditIsShownWithWhatStandsBesideIt(t *testing.T) {
	before := feature.Declaration{Profile: "custom", EnabledFeatures: &[]string{"monitoring", "snapshots", "encryption", "api"}}
	after, err := feature.Edited(before, finding.Way{{Op: finding.Remove, Path: "hypervisor.featureManager.enabledFeatures", Value: "api"}})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := nixDiff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	want := "  hypervisor.featureManager = {\n    …\n      \"snapshots\"\n      \"encryption\"\n-     \"api\"\n    ];\n  };"
	if got := strings.Join(texts(lines), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTextOfTheOwnersIsTextInEveryForm(t *testing.T) {
	d := document{Declaration: "<script>|x", Risk: feature.TotalRisk{Level: catalogue.High, Contributors: []feature.Contributor{
		{ID: "api", Acknowledged: "a | b\n<img src=x> [link](http://x) *bold*"},
	}}, Findings: finding.List{{What: `there is no feature "<b>"`}}}
	md, page := d.markdown(), d.html()
	for _, bad := range []string{"<script>", "<img", "<b>"} {
		if strings.Contains(md, bad) || strings.Contains(page, bad) {
			t.Errorf("%s got through", bad)
		}
	}
	if !strings.Contains(md, `a \| b &lt;img src=x> \[link](http://x) \*bold\* |`) {
		t.Errorf("Markdown has\n%s", md)
	}
}

func TestTheImpactOfTheWholeIsTheHighestOfEach(t *testing.T) {
	got := highest(catalogue.Impact{CPU: "low", Memory: "high"}, catalogue.Impact{CPU: "medium", Memory: "low", Disk: "low"})
	if want := (catalogue.Impact{CPU: "medium", Memory: "high", Disk: "low"}); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestRunningOperationsOnWhatIsAffectedAreNamed(t *testing.T) {
	op := func(id, vm string) operation.Operation {
		return operation.Operation{Wish: operation.Wish{ID: id, Action: "vm.start", Target: operation.Target{Kind: "vm", Ref: model.Ref{Name: vm}}}, Status: operation.Status{State: operation.Running}}
	}
	got := touching([]operation.Operation{op("1", "web"), op("2", "db"), op("3", "x")}, []affected{{Object: "vm/web"}, {Object: "operation/3"}})
	if len(got) != 2 || got[0].ID != "1" || got[1].ID != "3" || got[0].Target != "vm/web" {
		t.Errorf("got %+v", got)
	}
}

func TestWhatAVMGainsAndLosesFollowsTheStatesOfItsFeatures(t *testing.T) {
	users := []feature.User{{Object: "vm/web", At: "nestedVirtualization", ID: "nestedVirtualization", With: "more", Lost: "less"}, {Object: "vm/db", ID: "snapshots"}}
	off, on := feature.Resolve(feature.Declaration{}, feature.Facts{}), feature.Resolve(feature.Declaration{ExtraFeatures: []string{"nestedVirtualization"}}, feature.Facts{})
	if got := effects(off, on, users); len(got) != 1 || got[0].Effect != "gains" || got[0].What != "more" || got[0].Object != "vm/web" {
		t.Errorf("turned on: %+v", got)
	}
	if got := effects(on, off, users); len(got) != 1 || got[0].Effect != "loses" || got[0].What != "less" {
		t.Errorf("turned off: %+v", got)
	}
	if got := effects(on, on, users); len(got) != 0 {
		t.Errorf("nothing changed: %+v", got)
	}
}
