package feature

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func TestAnObjectUsesAFeatureWhereTheTableSaysSo(t *testing.T) {
	table := []Use{
		{Kind: "vm", Path: "nestedVirtualization", Feature: "nestedVirtualization"},
		{Kind: "vm", Path: "disks.*.encrypted", Feature: "encryption"},
		{Kind: "vm", Path: "devices.*.kind", Is: "gpu", Feature: "gpuPassthrough"},
		{Kind: "operation", Path: "action", Is: "vm.snapshot", Feature: "snapshots"},
	}
	objects := []Object{
		{"vm", "web", json.RawMessage(`{"nestedVirtualization":true,"disks":{"root":{"encrypted":true},"b":{"encrypted":false},"a":{"encrypted":true}}}`)},
		{"vm", "plain", json.RawMessage(`{"nestedVirtualization":false,"disks":{}}`)},
		{"vm", "game", json.RawMessage(`{"devices":[{"kind":"usb"},{"kind":"gpu"}]}`)},
		{"volume", "v", json.RawMessage(`{"nestedVirtualization":true}`)},
		{"operation", "7f3a", json.RawMessage(`{"action":"vm.snapshot"}`)},
		{"operation", "7f3b", json.RawMessage(`{"action":"vm.start"}`)},
		{"vm", "broken", json.RawMessage(`{`)},
		{"vm", "odd", json.RawMessage(`[1,2,{"encrypted":true}]`)},
	}
	var got []string
	for _, u := range usersOf(table, objects) {
		got = append(got, u.Object+" "+u.At+" "+string(u.ID))
	}
	if diff := cmp.Diff([]string{
		"vm/web nestedVirtualization nestedVirtualization", "vm/web disks.a.encrypted encryption", "vm/web disks.root.encrypted encryption",
		"vm/game devices.1.kind gpuPassthrough", "operation/7f3a action snapshots",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One row is all it takes: the spec is refused while the feature is off, and the feature is not turned off under it.
func TestARowGatesWhatAVMHasOfAFeature(t *testing.T) {
	table := []Use{
		{Kind: "vm", Path: "disks.*.encrypted", Feature: "nestedVirtualization", Code: "HV-VM-999", With: "its disk is encrypted", Without: "it cannot start"},
		{Kind: "vm", Path: "cpus", Feature: "vmManagement", Code: "HV-VM-998", With: "it has vCPUs", Without: "it has none"},
		{Kind: "operation", Path: "action", Feature: "nestedVirtualization", With: "it runs", Without: "it ends"},
	}
	web := Object{"vm", "web", json.RawMessage(`{"cpus":2,"disks":{"root":{"encrypted":true},"data":{"encrypted":false}}}`)}
	on, off := Resolve(custom("nestedVirtualization"), ready()), Resolve(custom(), ready())
	if got := on.withheld(table, web); len(got) != 0 {
		t.Errorf("with the feature: %+v", got)
	}
	got := off.withheld(table, web)
	if len(got) != 1 || got[0].Code != "HV-VM-999" || got[0].Path != "disks.root.encrypted" || got[0].Severity != finding.Refused || len(got[0].Ways) == 0 || got[0].Remedy == "" {
		t.Fatalf("%+v", got)
	}
	if edited, err := Edited(off.Declaration, got[0].Ways[0]); err != nil || len(Resolve(edited, ready()).withheld(table, web)) > 0 {
		t.Errorf("it is still withheld after %+v (%v)", got[0].Ways[0], err)
	}
	if l := StillUsed(on, off, usersOf(table, []Object{web})); len(l) != 1 || !slices.Contains(l[0].Subject, "vm/web") {
		t.Errorf("turned off under it: %+v", l)
	}
	if l := off.withheld(table, Object{"operation", "7f3a", json.RawMessage(`{"action":"x"}`)}); len(l) != 0 {
		t.Errorf("what runs already is not refused: %+v", l)
	}
}

func TestEveryRowOfTheTableNamesAFeatureAndWhatIsLost(t *testing.T) {
	for _, u := range Uses() {
		if _, ok := catalogue.Default().Get(u.Feature); !ok || u.Kind == "" || u.Path == "" || u.With == "" || u.Without == "" {
			t.Errorf("%+v is not complete", u)
		}
	}
}

func TestTurningOffWhatObjectsUseIsRefusedWithAllOfThem(t *testing.T) {
	nested := custom("nestedVirtualization")
	before, after := Resolve(nested, ready()), Resolve(custom(), ready())
	users := UsersOf([]Object{
		{"vm", "web", json.RawMessage(`{"nestedVirtualization":true}`)}, {"vm", "db", json.RawMessage(`{"nestedVirtualization":true}`)}, {"vm", "a", json.RawMessage(`{}`)},
	})
	l := StillUsed(before, after, users)
	if len(l) != 1 || l[0].Code != "HV-FEAT-033" || !l.Refuses() || !slices.Equal(l[0].Subject, []string{"nestedVirtualization", "vm/db", "vm/web"}) ||
		!strings.Contains(l[0].What, "vm/db and vm/web use it") {
		t.Fatalf("got %+v", l)
	}
	for _, way := range l[0].Ways {
		edited, err := Edited(after.Declaration, way)
		if err != nil || len(StillUsed(before, Resolve(edited, ready()), users)) > 0 {
			t.Errorf("it is still there after %s (%v)", Worded(way), err)
		}
	}
	for name, none := range map[string]finding.List{
		"nobody uses it": StillUsed(before, after, nil), "it stays on": StillUsed(before, before, users), "it was off before": StillUsed(after, after, users),
	} {
		if len(none) > 0 {
			t.Errorf("%s: %v", name, none)
		}
	}
}
