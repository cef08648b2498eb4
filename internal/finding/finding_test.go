package finding

import "testing"

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
