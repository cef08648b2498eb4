package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatChangedIsToldOfEachMatterOnce(t *testing.T) {
	before := map[string]string{"a": "yes", "b": "no", "c": "yes", "d": "limited"}
	now := map[string]Standing{"a": {Answer: "yes"}, "b": {Answer: "yes", Why: "x"}, "d": {Answer: "no", Why: "y", Remedy: "z"}, "e": {Answer: "limited"}}
	want := []Change{
		{What: "b", Before: "no", After: "yes", Why: "x"}, {What: "d", Before: "limited", After: "no", Why: "y", Remedy: "z"},
		{What: "e", After: "limited"}, {What: "c", Before: "yes"},
	}
	got := Changes(before, now)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var worse []string
	for _, c := range got {
		if c.Worse() {
			worse = append(worse, c.What)
		}
	}
	if d := cmp.Diff([]string{"d", "c"}, worse); d != "" {
		t.Error(d)
	}
	if (Change{Before: "not asked", After: "no"}).Worse() || !(Change{Before: "on", After: "waiting"}).Worse() || (Change{Before: "waiting", After: "on"}).Worse() {
		t.Error("what is worse is wrong")
	}
}

func TestWhatCameBackIsNoChange(t *testing.T) {
	gone := []Change{{What: "gpu", Before: "yes"}, {What: "iommu", Before: "yes", After: "no"}}
	if got := Then(gone, []Change{{What: "gpu", After: "yes"}}); len(got) != 1 || got[0].What != "iommu" {
		t.Errorf("%+v", got)
	}
	got := Then(gone, []Change{{What: "gpu", After: "limited", Why: "w"}, {What: "nic", After: "yes"}})
	want := []Change{{What: "gpu", Before: "yes", After: "limited", Why: "w"}, {What: "iommu", Before: "yes", After: "no"}, {What: "nic", After: "yes"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// What was found to be well and is then lost was well before.
	got = Then([]Change{{What: "gpu", Before: "not asked", After: "yes"}}, []Change{{What: "gpu", Before: "yes"}})
	if len(got) != 1 || !got[0].Worse() || got[0].Before != "yes" {
		t.Errorf("%+v", got)
	}
}
