package plan

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// A memory names its devices by where they sat: not by where the VM has them after some came and went.
func TestAMemoryGoesOnWithItsDevicesWhereTheySat(t *testing.T) {
	now := &vm.Pinned{MachineType: "pc-q35-7.2", Slots: map[string]int{"disk/data": 1, "disk/root": 2}}
	then := &vm.Pinned{MachineType: "pc-q35-7.2", Slots: map[string]int{"disk/root": 1}}
	for name, c := range map[string]struct{ saved, want *vm.Pinned }{"of a snapshot": {then, then}, "of a suspended VM": {nil, now}} {
		t.Run(name, func(t *testing.T) {
			from := &vm.Saved{Pinned: c.saved, Process: vm.Process{Started: &vm.Spec{}}}
			if got := machineInput(VMInput{Last: &vm.PowerStatus{Pinned: now}, From: from}, vm.TCG).Pinned; got != c.want {
				t.Errorf("they sit at %+v", got)
			}
		})
	}
}
