//go:build linux

package faults_test

import (
	"context"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

func edits(patch string) func(context.Context, *fakehost.Daemon) (action.Result, error) {
	return func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
		return d.Actions.EditVM(ctx, fakehost.Member, fakehost.Ref("web"), []byte(patch))
	}
}

// Devices come while a VM runs.
var attaches = scenario{
	before: func(d *fakehost.Daemon) { d.Done(d.Volume("data")); runs(d) },
	ask:    edits(`{"pinning":{"cpus":"0"},"disks":{"data":{"volume":"data","iothread":"io","limits":{"iops":500}}},"nics":{"lan":{"link":"down"}}}`),
	after: func(t *testing.T, d *fakehost.Daemon) {
		p := allLive(d)
		if d := p.Started.Disks["data"]; d.Volume != "data" || d.Limits.IOPS != 500 || p.Started.Pinning == nil || p.Started.NICs["lan"].Link != vm.LinkDown {
			t.Errorf("the process has %+v", p.Started)
		}
		again(t, d, `{"disks":null,"nics":null,"pinning":null}`)
		if p := allLive(d); len(p.Started.Disks)+len(p.Started.NICs) > 0 { // they were there, since they could be taken away
			t.Errorf("the process has %+v", p.Started)
		}
	},
}

// A disk goes while a VM runs.
var detaches = scenario{
	before: func(d *fakehost.Daemon) {
		d.Done(d.Volume("data"))
		d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	},
	ask: edits(`{"disks":null}`),
	after: func(t *testing.T, d *fakehost.Daemon) {
		if p := allLive(d); len(p.Started.Disks) > 0 {
			t.Errorf("the process has %+v", p.Started)
		}
		d.Done(d.Create(fakehost.Tiny("db", withData))) // nobody holds the volume
	},
}

// Another medium comes into a drive while a VM runs.
var inserts = scenario{
	before: func(d *fakehost.Daemon) {
		d.Done(d.Volume("data"))
		d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.CDROMs = map[string]vm.CDROM{"cd": {}} })))
	},
	ask: edits(`{"cdroms":{"cd":{"volume":"data"}}}`),
	after: func(t *testing.T, d *fakehost.Daemon) {
		if p := allLive(d); p.Started.CDROMs["cd"].Volume != "data" {
			t.Errorf("the process has %+v", p.Started)
		}
	},
}

// A guest is given memory while it runs, and gives it back.
var givesMemory = scenario{
	before: func(d *fakehost.Daemon) {
		d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.MemoryMax = 64 * model.MiB })))
	},
	ask: edits(`{"memory":"32MiB"}`),
	after: func(t *testing.T, d *fakehost.Daemon) {
		if p := allLive(d); p.Started.Memory != 32*model.MiB || p.Memory != 16*model.MiB {
			t.Errorf("it has %s, its board %s", p.Started.Memory, p.Memory)
		}
		again(t, d, `{"memory":"8MiB"}`)
		if p := allLive(d); p.Started.Memory != 8*model.MiB {
			t.Errorf("it has %s", p.Started.Memory)
		}
	},
}

// A guest is given vCPUs while it runs, and gives them back: each is there once, or it could not be taken away.
var givesCPUs = scenario{
	before: func(d *fakehost.Daemon) {
		d.SetFacts(func(f *host.Facts) { f.KVM = &host.Verdict{OK: true} })
		d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.CPUsMax = 4 })))
	},
	ask: edits(`{"cpus":3}`),
	after: func(t *testing.T, d *fakehost.Daemon) {
		if p := allLive(d); p.Started.CPUs != 3 {
			t.Errorf("it has %d vCPUs", p.Started.CPUs)
		}
		again(t, d, `{"cpus":1}`)
		if p := allLive(d); p.Started.CPUs != 1 {
			t.Errorf("it has %d vCPUs", p.Started.CPUs)
		}
	},
}

// again edits the VM and waits for what that does.
func again(t *testing.T, d *fakehost.Daemon, patch string) {
	t.Helper()
	res, err := edits(patch)(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
}

// allLive waits until nothing is pending: what an hv-helper that was away did not do is tried again.
func allLive(d *fakehost.Daemon) *vm.Process {
	d.Advance(time.Minute)
	d.Look("web")
	var p vm.PowerStatus
	d.Until("nothing to be pending", func() bool {
		p = d.Power("web")
		return p.Process != nil && len(p.Pending)+len(p.Process.Changes) == 0
	})
	return p.Process
}
