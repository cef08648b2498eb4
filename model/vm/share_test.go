package vm

import (
	"slices"
	"strings"
	"testing"
)

func TestSharesAndVsockAreChecked(t *testing.T) {
	nine := map[string]Share{}
	for _, tag := range strings.Split("a b c d e f g h i", " ") {
		nine[tag] = Share{Share: "x"}
	}
	for want, s := range map[string]Spec{
		"9 shares are more than 8":          {Shares: nine},
		"a mount tag has at most 36 bytes":  {Shares: map[string]Share{strings.Repeat("a", 37): {Share: "x"}}},
		"mount tag \"A\" is not":            {Shares: map[string]Share{"A": {Share: "x"}}},
		"share name \"\" is not":            {Shares: map[string]Share{"a": {}}},
		"2 is not between 3 and 4294967294": {Vsock: &Vsock{CID: 2}},
	} {
		found := Check(Definition{Name: "web", Spec: s})
		if len(found) != 1 || !strings.Contains(found[0].What, want) {
			t.Errorf("%q: %v", want, found)
		}
	}
}

func TestAVMHasAContextIDOfItsOwnAndKeepsIt(t *testing.T) {
	a, b := Spec{UUID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", Vsock: &Vsock{}}, Spec{UUID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a11", Vsock: &Vsock{}}
	full, filled := Effective(a, "x86_64")
	if full.Vsock.CID < MinCID || full.Vsock.CID > MaxCID || !slices.Contains(filled, "vsock.cid") || a.Vsock.CID != 0 {
		t.Errorf("CID %d, filled in: %v", full.Vsock.CID, filled)
	}
	if a.ContextID() == b.ContextID() || a.ContextID() == "" || (Spec{}).ContextID() != "" {
		t.Errorf("%q, %q, %q", a.ContextID(), b.ContextID(), Spec{}.ContextID())
	}
	if got := NeedRestart(full, Spec{}); !slices.Contains(got, "vsock") {
		t.Errorf("that its vsock goes is not pending: %v", got)
	}
	with := full
	with.Shares = map[string]Share{"data": {Share: "x"}}
	if got := NeedRestart(full, with); !slices.Equal(got, []string{"shares.data"}) {
		t.Errorf("pending: %v", got)
	}
}
