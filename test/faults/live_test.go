//go:build linux

package faults_test

import (
	"context"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
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
	ask:    edits(`{"disks":{"data":{"volume":"data"}},"nics":{"lan":{"link":"down"}}}`),
	after: func(t *testing.T, d *fakehost.Daemon) {
		p := allLive(d)
		if p.Started.Disks["data"].Volume != "data" || p.Started.NICs["lan"].Link != vm.LinkDown {
			t.Errorf("the process has %+v", p.Started)
		}
		res, err := edits(`{"disks":null,"nics":null}`)(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		d.Done(*res.Operation)
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
