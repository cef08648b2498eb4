//go:build linux

package reconcile_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// A scenario is asked of a daemon that is cut off at some point, and has to come out all the same
// with the next one.
type scenario struct {
	before func(*fakehost.Daemon)
	ask    func(*fakehost.Daemon) operation.Operation
	after  func(*testing.T, *fakehost.Daemon)
}

var scenarios = map[string]scenario{
	"start": {
		before: func(d *fakehost.Daemon) { d.Done(d.Create(fakehost.Tiny("web"))) },
		ask:    func(d *fakehost.Daemon) operation.Operation { return d.Verb("start", "web") },
		after: func(t *testing.T, d *fakehost.Daemon) {
			p := d.State("web", vm.StateRunning)
			if p.Pinned == nil || p.Process.Started == nil || p.Accelerator != vm.TCG {
				t.Errorf("it runs, and what it was started with is not known: %+v", p)
			}
		},
	},
	"stop": {
		before: func(d *fakehost.Daemon) { d.Done(d.Create(fakehost.Tiny("web", on))) },
		ask:    func(d *fakehost.Daemon) operation.Operation { return d.Verb("stop", "web") },
		after: func(t *testing.T, d *fakehost.Daemon) {
			if p := d.State("web", vm.StateOff); p.Ended == nil {
				t.Errorf("its end is not known: %+v", p)
			}
		},
	},
	"kill": {
		before: func(d *fakehost.Daemon) { d.Done(d.Create(fakehost.Tiny("web", on))) },
		ask:    func(d *fakehost.Daemon) operation.Operation { return d.Verb("kill", "web") },
		after:  func(_ *testing.T, d *fakehost.Daemon) { d.State("web", vm.StateOff) },
	},
	"delete": {
		before: func(d *fakehost.Daemon) {
			d.Done(d.Volume("data"))
			d.Done(d.Create(fakehost.Tiny("web", on, withData)))
		},
		ask: func(d *fakehost.Daemon) operation.Operation {
			return d.Delete("web", wire.VerbOptions{Force: true, Volumes: true})
		},
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.Gone("web")
			d.Until("its volume to go", func() bool {
				_, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
				return err != nil
			})
		},
	},
	"make a volume": {
		before: func(*fakehost.Daemon) {},
		ask:    func(d *fakehost.Daemon) operation.Operation { return d.Volume("data") },
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.Until("it to be ready", func() bool {
				v, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
				return err == nil && v.Ready
			})
		},
	},
}

// The daemon is cut off, as by kill -9, before and after each thing that it does; the one that comes
// after it finishes what was asked for.
func TestADaemonThatIsCutOffAnywhereIsFinishedByTheNext(t *testing.T) {
	for name, s := range scenarios {
		for at := 1; ; at++ {
			passed := false
			t.Run(fmt.Sprintf("%s, at %d", name, at), func(t *testing.T) { passed = cut(t, s, at) })
			if passed || t.Failed() {
				break
			}
		}
	}
}

// cut plays a scenario with a daemon that is cut off at one point, and reports whether it came to its
// end before.
func cut(t *testing.T, s scenario, at int) bool {
	h := fakehost.New(t)
	first := h.Start()
	s.before(first)
	first.Stop()
	points := &fakehost.Points{At: at}
	d := h.StartWith(points)
	op := s.ask(d)
	d.EndedOrCut(op)
	d.Stop()
	next := h.Start()
	if end := next.Ended(op); end.State != operation.Done {
		names := points.Names()
		t.Errorf("after %q: %s is %s: %+v", names[len(names)-1], op.Action, end.State, end.Error)
	}
	s.after(t, next)
	return !points.Cut()
}
