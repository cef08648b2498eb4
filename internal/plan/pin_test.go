package plan

import (
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestThreadsOfAVMThatRunsArePinned(t *testing.T) {
	pins := &vm.Pinning{CPUs: "1-2"}
	edited(t, map[string]liveCase{
		"they run where they are to": {"running", func(in *VMInput, p *vm.Process) { in.Wish.Spec.Pinning, p.Started.Pinning = pins, pins }, "", ""},
		"they are told where":        {"running", func(in *VMInput, _ *vm.Process) { in.Wish.Spec.Pinning = pins }, "pin [1 2]", ""},
		"or that it is anywhere":     {"running", func(_ *VMInput, p *vm.Process) { p.Started.Pinning = pins }, "pin []", ""},
		"vCPUs that come too": {"running", func(in *VMInput, p *vm.Process) {
			in.Wish.Spec.Pinning, p.Started.Pinning = pins, pins
			p.Started.CPUsMax, in.Wish.Spec.CPUsMax, in.Wish.Spec.CPUs, in.Last.Accelerator = 4, 4, 3, vm.KVM
		}, "cpus 3, pin [1 2]", ""},
		"and threads of disks": {"running", func(in *VMInput, p *vm.Process) {
			in.Wish.Spec.Pinning, p.Started.Pinning = pins, pins
			in.Wish.Spec.Disks["data"] = vm.Disk{Volume: "web-data", IOThread: "io"}
		}, "plug disk-data io-io, pin [1 2]", ""},
		"what could not be told waits": {"running", func(in *VMInput, p *vm.Process) {
			in.Wish.Spec.Pinning = pins
			p.Changes = []vm.Change{{Path: "pinning", Why: "CPU 2 is offline", Again: noon.Add(1)}}
		}, "", "pinning: CPU 2 is offline"},
	})
	p, err := VM(input(func(in *VMInput) { in.Wish.Spec.Pinning = pins }))
	if err != nil || len(p.Steps) != 4 || !slices.Equal([]Kind{p.Steps[2].Kind, p.Steps[3].Kind}, []Kind{Pin, Continue}) || p.Steps[0].Start.Spec.Pinning != nil {
		t.Errorf("a start is %+v, %v", p.Steps, err)
	}
}
