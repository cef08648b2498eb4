//go:build linux

package faults_test

import (
	"strings"
	"sync/atomic"
	"testing"

	faults "github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

// hv-helper goes and does not come back. Who waits for a start is told, instead of waiting for ever; the wish
// stands until there is one again.
func TestAStartWithoutAHelperIsToldAndDoneOnceThereIsOne(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	var away atomic.Bool
	away.Store(true)
	h.Refuse(func(string, string) error {
		if away.Load() {
			return faults.New(faults.Unavailable, "hv-helper does not answer")
		}
		return nil
	})
	start := d.Verb("start", "web")
	ended := d.Finished(start)
	for told := false; !told; {
		select {
		case <-ended:
			told = true
		default:
			d.Look("web") // sooner than it would by itself
		}
	}
	if end := d.Ended(start); end.State != operation.Failed || end.Error == nil || !strings.Contains(end.Error.What, "hv-helper") {
		t.Errorf("the start is %s: %+v", end.State, end.Error)
	}
	away.Store(false)
	d.Look("web")
	d.State("web", vm.StateRunning)
}

// hv-helper has no memory for another process. Who waits is told, others run on, and the wish stands.
func TestALaunchForWhichThereIsNoMemoryIsToldAndDoneOnceThereIs(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("stays", on)))
	pid := d.PID("stays")
	var out atomic.Bool
	out.Store(true)
	h.Refuse(func(verb, _ string) error {
		if verb == "launch" && out.Load() {
			return faults.New(faults.Exhausted, "fork/exec: cannot allocate memory")
		}
		return nil
	})
	end := d.Ended(d.Create(fakehost.Tiny("late", on)))
	if end.State != operation.Failed || end.Error == nil {
		t.Errorf("its start is %+v", end)
	}
	if n := h.Living(); n != 1 {
		t.Errorf("%d QEMUs live", n)
	}
	out.Store(false)
	d.Look("late")
	d.State("late", vm.StateRunning)
	if d.PID("stays") != pid {
		t.Errorf("the other is process %d, and was %d", d.PID("stays"), pid)
	}
}
