package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestDriftIsWhatIsNotAsItIsDeclared(t *testing.T) {
	d, err := ReadString(t.Context(), YAML, "host.yaml", `hypervisor: {vms: {
		missing: {}, foreign: {}, switched: {power: "on"}, mine: {}, edited: {cpus: 2, labels: {a: b}}, pending: {memory: 1GiB, power: "on"}, down: {power: "on"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	object := func(name string, origin model.Origin, spec vm.Spec) SeenVM {
		return SeenVM{Object: vm.Object{Metadata: model.Metadata{Name: name, Origin: origin}, Spec: spec}}
	}
	seen := map[string]SeenVM{
		"foreign":  object("foreign", model.Released, vm.Spec{}),
		"switched": object("switched", model.Declared, vm.Spec{Power: vm.Off}),
		"mine":     object("mine", model.Declared, vm.Spec{Power: vm.On, UUID: "u"}), // its power is its owner's
		"edited":   object("edited", model.Declared, vm.Spec{CPUs: 1}),
		"pending":  object("pending", model.Declared, vm.Spec{Memory: model.GiB, Power: vm.On}),
		"down":     object("down", model.Declared, vm.Spec{Power: vm.On}),
		"left":     object("left", model.Declared, vm.Spec{}),
		"hand":     object("hand", model.Manual, vm.Spec{Power: vm.Off}),
		"deaf":     object("deaf", model.Released, vm.Spec{Power: vm.Off}), // declared once, and does not power off
		"theirs":   object("theirs", model.Released, vm.Spec{Power: vm.On}),
		"kept":     object("kept", model.Released, vm.Spec{Power: vm.Off}),
	}
	for name, st := range map[string]vm.PowerStatus{
		"pending": {State: vm.StateRunning, Pending: []string{"memory"}, PendingWhy: map[string]string{"memory": "QEMU cannot"}},
		"down":    {State: vm.StateCrashed, Reason: "the guest panicked"},
		"mine":    {State: vm.StateRunning},
		"hand":    {State: vm.StateRunning},
		"deaf":    {State: vm.StateStopping, Reason: "its guest does not answer"},
		"theirs":  {State: vm.StateRunning},
		"kept":    {State: vm.StateOff},
	} {
		s := seen[name]
		s.Power = st
		seen[name] = s
	}
	var got []string
	for _, x := range Drift(d, seen) {
		got = append(got, x.VM+" "+x.Kind+" "+x.Path+": "+x.What+" ("+x.Why+")")
	}
	want := []string{
		"deaf power power: it is to be off, and is stopping (its guest does not answer)",
		"down power power: it is to be on, and is crashed (the guest panicked)",
		"edited differs cpus: cpus is another than is declared ()",
		"edited differs labels: its labels are others than are declared ()",
		"foreign foreign : one of its name is there that the declaration does not own (released) ()",
		"left left : it is declared no more, and was not let go of yet ()",
		"missing missing : it is declared, and is not there ()",
		"pending pending memory: it runs with memory as it was before (QEMU cannot)",
		"switched differs power: its power is declared on, and was switched off ()",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(Drift(Declaration{}, map[string]SeenVM{"hand": seen["hand"]})) > 0 {
		t.Error("a VM made by hand is drift")
	}
}
