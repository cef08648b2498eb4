package phase

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// The list is the specification's reading (decision 9), word by word: it is not derived from the rules.
func TestAHardenedHostAllowsWhatTheSpecificationSaysAndNothingElse(t *testing.T) {
	allowed := []Class{
		Look, Power, Console, Snapshot, Backup, Restore, Alert, Response, Quarantine, Migrate, Cancel, Certificate, Narrow,
		Unlock, Harden, // the way out, and an answer for who goes in twice
	}
	partly := []Class{Medium, Declare}
	for _, c := range Classes() {
		want := No
		switch {
		case slices.Contains(allowed, c):
			want = Yes
		case slices.Contains(partly, c):
			want = Part
		}
		if got := c.Hardened(); got != want {
			t.Errorf("%s: %s, want %s", c, got, want)
		}
		if (c.Only() != "") != (want == Part) {
			t.Errorf("%s says %q of what is allowed", c, c.Only())
		}
		if !Setup.Allows(c, false) {
			t.Errorf("setup refuses %s", c)
		}
		if got := Hardened.Allows(c, false); got != (want == Yes) {
			t.Errorf("hardened and %s: %v", c, got)
		}
		if got := Hardened.Allows(c, true); got != (want != No) {
			t.Errorf("hardened and the part of %s: %v", c, got)
		}
	}
	if len(Classes()) != len(allowed)+len(partly)+1 {
		t.Errorf("%d classes; every one has to be in a list here, but configure", len(Classes()))
	}
}

func TestWhatNobodyKnowsIsRefused(t *testing.T) {
	if Hardened.Allows("fly", true) || Class("").Hardened() != No || Phase("").Allows(Configure, true) || Phase("molten").Allows(Configure, true) {
		t.Error("a class or a phase that nobody knows was allowed")
	}
}

func TestAHostIsHardenedWhenNothingIsWrongAndToldAllThatIs(t *testing.T) {
	good := Before{Admins: []string{"root"}}
	cases := []struct {
		name  string
		edit  func(*Before)
		codes []string
		words []string
	}{
		{"all is well", func(*Before) {}, nil, []string{"an admin exists: root", "no network listener", "audit log is whole", "nothing of the standing declaration", "nothing is being configured"}},
		{"nobody is an admin", func(b *Before) { b.Admins = nil }, []string{CodeNoAdmin}, []string{"usermod"}},
		{"a bare listener", func(b *Before) { b.Listeners = []Listener{{Address: ":8443"}} }, []string{CodeListener}, []string{"no TLS and no a second factor"}},
		{"a listener without a second factor", func(b *Before) { b.Listeners = []Listener{{Address: ":8443", TLS: true}} }, []string{CodeListener}, []string{"has no a second factor"}},
		{"a listener with both", func(b *Before) { b.Listeners = []Listener{{":8443", true, true}} }, nil, []string{"listener :8443 has TLS and a second factor"}},
		{"the audit log is not whole", func(b *Before) { b.Audit = "record 7 was edited" }, []string{CodeAudit}, []string{"record 7 was edited"}},
		{"the declaration is refused twice", func(b *Before) {
			b.Standing = finding.List{{Severity: finding.Refused, What: "one"}, {Severity: finding.Limited, What: "never told"}, {Severity: finding.Refused, What: "two"}}
		}, []string{CodeRefused, CodeRefused}, []string{"one", "two"}},
		{"an apply was cut off", func(b *Before) { b.Undone = "it was cut off" }, []string{CodeRefused}, []string{"it was cut off"}},
		{"a VM is being made", func(b *Before) { b.UnderWay = []string{"7f3a (vm.create of vm/web)"} }, []string{CodeUnderWay}, []string{"hv operation wait 7f3a"}},
		{"everything at once", func(b *Before) {
			*b = Before{Listeners: []Listener{{Address: ":1"}, {Address: ":2"}}, Audit: "x", Undone: "y", UnderWay: []string{"a b", "c d"}, Standing: finding.List{{Severity: finding.Refused}}}
		}, []string{CodeNoAdmin, CodeListener, CodeListener, CodeAudit, CodeRefused, CodeRefused, CodeUnderWay, CodeUnderWay}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := good
			c.edit(&b)
			wrong, right := Ready(b)
			var codes []string
			text := strings.Join(right, "\n")
			for _, f := range wrong {
				codes = append(codes, f.Code)
				text += "\n" + f.What + " " + f.Why + " " + f.Remedy
				if f.Severity != finding.Refused || f.Remedy == "" && f.Code != CodeRefused {
					t.Errorf("%+v", f)
				}
			}
			if d := cmp.Diff(c.codes, codes); d != "" {
				t.Error(d)
			}
			for _, w := range c.words {
				if !strings.Contains(text, w) {
					t.Errorf("%q is not told in\n%s", w, text)
				}
			}
			if strings.Contains(text, "never told") {
				t.Error("what only limits keeps a host from being hardened")
			}
		})
	}
}

func TestDriftIsWhatDiffersFromWhatWasSealed(t *testing.T) {
	a, b := Content{3, "sha256:" + strings.Repeat("a", 64)}, Content{4, "sha256:" + strings.Repeat("b", 64)}
	if l := Drift(a, Content{9, a.Digest}); l != nil {
		t.Errorf("the same content of another generation: %v", l)
	}
	l := Drift(a, b)
	if len(l) != 1 || l[0].Code != CodeDrift || !strings.Contains(l[0].What, "generation 4 (bbbbbbbbbbbb) stands, generation 3 (aaaaaaaaaaaa) was sealed") {
		t.Errorf("%+v", l)
	}
	if l := Drift(a, Content{}); len(l) != 1 || !strings.Contains(l[0].What, "generation 0 (none)") {
		t.Errorf("%+v", l)
	}
}
