package model

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLabelsChoose(t *testing.T) {
	labels := map[string]string{"tier": "web", "zone": "b", "beta": "", "a.b/c": "1"}
	for s, want := range map[string]bool{
		"": true, "tier=web": true, "tier == web": true, "tier=db": false, "tier!=db": true, "tier!=web": false,
		"none!=x": true, "none=x": false, "beta": true, "none": false, "!none": true, "!beta": false,
		"zone in (a,b)": true, "zone in (a, c)": false, "zone notin (a)": true, "zone notin (b)": false, "none notin (b)": true,
		"none in (b)": false, "tier=web,zone in (a,b),beta": true, "tier=web,!beta": false, " tier = web , zone = b ": true,
		"a.b/c=1": true, "beta=": true, "tier=": false,
	} {
		sel, err := ParseSelector(s)
		if err != nil || sel.Matches(labels) != want {
			t.Errorf("%q: %v %v, want %v", s, sel.Matches(labels), err, want)
		}
	}
}

func TestWhatIsNoSelectorIsRefusedWithAnExample(t *testing.T) {
	for _, s := range []string{
		"=web", "!", "tier in web", "tier in (a", "tier in a)", "tier among (a)", "tier in ((a))", "in (a)", "tier=we b", "!=x", "a!b",
		"(a)", "tier=(a)", strings.Repeat("x,", 65) + "x", strings.Repeat("x", 2000), "ä",
	} {
		if sel, err := ParseSelector(s); err == nil {
			t.Errorf("%.60q is read as %+v", s, sel)
		}
	}
}

// Whatever is read can be written and read again, and chooses the same.
func FuzzSelector(f *testing.F) {
	for _, s := range []string{"tier=web,env!=test,zone in (a,b),x notin (c),beta,!old", "a==b", "in in (in)", "((", ",,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sel, err := ParseSelector(s)
		if err != nil {
			return
		}
		again, err := ParseSelector(sel.String())
		if err != nil && len(sel.String()) <= MaxSelector {
			t.Fatalf("%q is written as %q, which is not read: %v", s, sel.String(), err)
		}
		if err == nil && cmp.Diff(sel, again) != "" {
			t.Errorf("%q: %s", s, cmp.Diff(sel, again))
		}
	})
}
