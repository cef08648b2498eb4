package finding

import (
	"cmp"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestFindingsAreToldWorstFirstAndSummed(t *testing.T) {
	l := List{
		{Code: "B", Severity: Limited, Subject: []string{"b"}},
		{Code: "C", Severity: Refused, Subject: []string{"c"}, What: "no"},
		{Code: "A", Severity: Limited, Subject: []string{"a"}},
	}
	l.Sort()
	if l[0].Code != "C" || l[1].Code != "A" || l[2].Code != "B" {
		t.Errorf("order is %v", l)
	}
	if got := l.Sum(); got != "1 refused, 2 limited" {
		t.Errorf("sum is %q", got)
	}
	if !l.Refuses() || l.Of(Limited).Refuses() {
		t.Error("Refuses is wrong")
	}
	if got := (Refusal{l}).Error(); got != "no" {
		t.Errorf("refusal says %q", got)
	}
	if got := (List{}).Sum(); got != "" {
		t.Errorf("nothing found sums to %q", got)
	}
}

func TestPosition(t *testing.T) {
	for want, p := range map[string]Position{
		"a.nix:3:7": {File: "a.nix", Line: 3, Column: 7},
		"3:7":       {Line: 3, Column: 7},
		"a.nix":     {File: "a.nix"},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSeveritiesRankInTheirOrder(t *testing.T) {
	for i, s := range order {
		if s.Rank() != i {
			t.Errorf("%s ranks %d, want %d", s, s.Rank(), i)
		}
	}
	if got := Severity("x").Rank(); got != len(order) {
		t.Errorf("an unknown severity ranks %d", got)
	}
}

func TestSortingIsStableWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l List
		for i := range rapid.IntRange(0, 12).Draw(t, "n") {
			l = append(l, Finding{
				Severity: rapid.SampledFrom(append([]Severity{"x"}, order...)).Draw(t, "severity"), Code: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "code"),
				Subject: []string{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "subject")}, Why: strconv.Itoa(i),
			})
		}
		want := slices.Clone(l)
		slices.SortStableFunc(want, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Code, b.Code), slices.Compare(a.Subject, b.Subject))
		})
		l.Sort()
		for i := range l {
			if l[i].Why != want[i].Why {
				t.Fatalf("got %v, want %v", l, want)
			}
		}
	})
}
