//go:build linux

package faults_test

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// The store is put back to a state from before what runs: nothing that runs is ended, doubled or left untold.
func TestARestoredStoreThatIsOlderThanWhatRunsEndsNothing(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	d.Done(d.Create(fakehost.Tiny("idle")))
	d.Done(d.Create(fakehost.Tiny("same", func(def *vm.Definition) { def.Power = vm.On })))
	d.State("same", vm.StateRunning)
	d.Stop()
	snapshot := h.Snapshot()

	d = h.Start() // since then: one was started, one paused, one made
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	d.Done(d.Verb("start", "idle"))
	d.Done(d.Verb("pause", "idle"))
	d.State("idle", vm.StatePaused)
	d.Done(d.Create(fakehost.Tiny("new", func(def *vm.Definition) { def.Power = vm.On })))
	d.State("new", vm.StateRunning)
	uuid := d.VM("new").Spec.UUID
	pids := map[string]int{"web": d.PID("web"), "same": d.PID("same"), "idle": d.PID("idle"), "new": d.PID("new")}
	launches := h.Launches()
	d.Stop()

	h.Restore(snapshot)
	d = h.Start()
	d.State("web", vm.StateRunning)
	d.State("same", vm.StateRunning)
	d.State("idle", vm.StatePaused)
	for name, pid := range pids {
		if now := d.PID(name); now != pid {
			t.Errorf("%s was process %d and is %d", name, pid, now)
		}
	}
	if n := h.Launches(); n != launches {
		t.Errorf("%d processes were started", n-launches)
	}
	host, err := d.View.Host(t.Context())
	if err != nil || len(host.Findings) == 0 {
		t.Fatalf("%+v %v", host.Findings, err)
	}
	stray := host.Findings[len(host.Findings)-1]
	if stray.Code != "HV-HOST-006" || !strings.Contains(stray.What, uuid) || !strings.Contains(stray.What, `"new"`) {
		t.Errorf("%+v", stray)
	}
	page, err := h.Audit.Read(t.Context(), 0, 0, audit.Filter{Action: "vm.adopt"})
	if err != nil || len(page.Records) != 2 {
		t.Errorf("%+v %v", page.Records, err)
	}

	// What is told to be the way out of it is one.
	d.Done(d.Create(fakehost.Tiny("found", func(def *vm.Definition) { def.UUID, def.Power = uuid, vm.On })))
	d.State("found", vm.StateRunning)
	if pid := d.VM("found").Status.Power.Process.PID; pid != pids["new"] {
		t.Errorf("it was taken up as process %d, not %d", pid, pids["new"])
	}
	if host, err := d.View.Host(t.Context()); err != nil || len(host.Findings) > 0 && host.Findings[len(host.Findings)-1].Code == "HV-HOST-006" {
		t.Errorf("%+v %v", host.Findings, err)
	}
	d.Stop()

	// And it is done once: a stop that is wished now is one.
	d = h.Start()
	d.Done(d.Verb("stop", "web"))
	d.State("web", vm.StateOff)
}

// The store is put back to a state in which VMs were suspended that have gone on since: none goes on again from a memory
// that is older than its disks.
func TestARestoredStoreMakesNoVMGoOnAgain(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	names := []string{"runs", "ended", "again"}
	for _, name := range names {
		d.Done(d.Create(fakehost.Tiny(name, on)))
		d.Done(d.Verb("suspend", name))
	}
	d.Stop()
	snapshot := h.Snapshot()

	d = h.Start()
	for _, name := range names {
		d.Done(d.Verb("start", name))
	}
	pid := d.PID("runs")
	d.Done(d.Verb("stop", "ended"))
	d.Done(d.Verb("suspend", "again")) // into another file
	d.Stop()

	h.Restore(snapshot)
	d = h.Start()
	d.Until("what runs to be left alone", func() bool { p := d.Power("runs"); return p.State == vm.StateRunning && p.Saved == nil })
	if now := d.PID("runs"); now != pid {
		t.Errorf("it was process %d and is %d", pid, now)
	}
	for _, name := range []string{"ended", "again"} {
		if end := d.Ended(d.Verb("start", name)); end.Error == nil || end.Error.Code != "HV-VM-085" {
			t.Errorf("%s: %+v", name, end)
		}
		d.Done(d.Verb("start", name, wire.VerbOptions{DiscardSuspend: true}))
		d.State(name, vm.StateRunning)
	}
	if files := h.SavedFiles(); len(files) > 0 {
		t.Errorf("%q are left", files)
	}
}
