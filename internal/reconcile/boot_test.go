//go:build linux

package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// starts is a place among those that start with the host.
func starts(s vm.Startup) func(*vm.Definition) {
	return func(def *vm.Definition) { def.Autostart, def.Startup = true, &s }
}

// reboot takes every VM with the host, and begins a daemon of its next run.
func reboot(h *fakehost.Host, d *fakehost.Daemon, names ...string) *fakehost.Daemon {
	d.Stop()
	for _, name := range names {
		h.Murder(name)
	}
	h.SetFacts(func(f *host.Facts) { f.BootID = "the next boot" })
	return h.Start()
}

// stopVMs stops every VM, as root.
func stopVMs(t *testing.T, d *fakehost.Daemon, opt wire.StopVMs) operation.Operation {
	t.Helper()
	root := fakehost.Member
	root.Root = true
	res, err := d.Actions.StopVMs(t.Context(), root, opt)
	if err != nil {
		t.Fatal(err)
	}
	return *res.Operation
}

func TestVMsStartWithTheirHostOneAfterAnother(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on, starts(vm.Startup{After: []string{"app"}}))))
	d.Done(d.Create(fakehost.Tiny("app", on, starts(vm.Startup{After: []string{"db"}}))))
	d.Done(d.Create(fakehost.Tiny("db", on, starts(vm.Startup{Delay: 3600}))))
	d.Done(d.Create(fakehost.Tiny("lone", on)))
	d = reboot(h, d, "web", "app", "db", "lone")
	d.State("db", vm.StateRunning)
	d.Until("app to wait for the delay", func() bool { return strings.Contains(d.Power("app").Reason, "starts 3600 s after vm db") })
	if p := d.Power("web"); p.State != vm.StateOff || p.Reason != "starts after vm app" {
		t.Errorf("web is %s: %q", p.State, p.Reason)
	}
	h.Advance(2 * time.Hour)
	d.Engine.Poke(d.VM("app").Spec.UUID)
	app, web := d.State("app", vm.StateRunning), d.State("web", vm.StateRunning)
	if web.Process.Begun.Before(*app.Process.Begun) {
		t.Error("web was there first")
	}
	if p := d.Power("lone"); p.State != vm.StateOff || p.Ended.How != vm.EndHostReboot {
		t.Errorf("without autostart it is %+v", p)
	}
}

func TestOneThatDoesNotComeUpWithTheHostKeepsNobodyWaiting(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("db", on, starts(vm.Startup{Order: 1}))))
	d.Done(d.Create(fakehost.Tiny("web", on, starts(vm.Startup{After: []string{"db"}}))))
	h.Guest("db", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "greeting", Do: fakeqemu.Die}}})
	d = reboot(h, d, "web", "db")
	d.Until("web to run", func() bool { return d.PID("web") != 0 && d.Power("web").State == vm.StateRunning })
	p := d.Power("web")
	if !slices.ContainsFunc(p.Findings, func(f finding.Finding) bool {
		return f.Code == "HV-VM-072" && strings.Contains(f.Why, "db did not start")
	}) {
		t.Errorf("%+v", p.Findings)
	}
}

func TestAStartByAPersonWaitsForNobody(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("db", on, starts(vm.Startup{Delay: 3600}))))
	d.Done(d.Create(fakehost.Tiny("web", on, starts(vm.Startup{After: []string{"db"}}))))
	d = reboot(h, d, "web", "db")
	d.Until("web to wait", func() bool { return strings.Contains(d.Power("web").Reason, "starts") })
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
}

func TestVMsAreRefusedThatWouldStartAfterThemselves(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("a", starts(vm.Startup{After: []string{"b"}}))))
	_, err := d.Actions.CreateVM(t.Context(), fakehost.Member, "default", fakehost.Tiny("b", starts(vm.Startup{After: []string{"a"}})))
	if fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != "HV-VM-071" || !strings.Contains(err.Error(), "a after b after a") {
		t.Errorf("%v %s", err, fault.CodeOf(err))
	}
}

func TestVMsStopWithTheirHostInReverseAndComeBackWithItsNextBoot(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("deaf", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("db", on, starts(vm.Startup{}))))
	d.Done(d.Create(fakehost.Tiny("web", on, starts(vm.Startup{After: []string{"db"}}))))
	d.Done(d.Create(fakehost.Tiny("deaf", on, func(def *vm.Definition) { def.StopTimeout = 3600 })))
	d.Done(d.Create(fakehost.Tiny("held", paused)))
	d.Done(d.Create(fakehost.Tiny("idle")))
	op := stopVMs(t, d, wire.StopVMs{})
	d.State("db", vm.StateOff)
	if p := d.Power("web"); p.State != vm.StateOff {
		t.Errorf("web, which needs it, is %s", p.State)
	}
	if _, err := d.Actions.StopVMs(t.Context(), fakehost.Member, wire.StopVMs{}); fault.KindOf(err) != fault.Denied {
		t.Errorf("a member may: %v", err)
	}
	if err := d.Refused("start", "idle"); fault.CodeOf(err) != "HV-VM-073" {
		t.Errorf("a start meanwhile: %v", err)
	}
	d.State("deaf", vm.StateStopping)
	h.Advance(2 * time.Hour)
	d.Engine.Poke(d.VM("deaf").Spec.UUID)
	end := d.Done(op)
	var names []string
	for _, s := range end.Steps {
		if s.State != operation.Done {
			t.Errorf("step %+v", s)
		}
		names = append(names, s.Name)
	}
	slices.Sort(names)
	if want := []string{"stop vm db", "stop vm deaf: ended, its guest let its time pass", "stop vm held", "stop vm web"}; !slices.Equal(names, want) {
		t.Errorf("steps %q", names)
	}
	if n := h.Living(); n != 0 {
		t.Errorf("%d QEMUs live", n)
	}
	for name, stays := range map[string]bool{"db": true, "web": true, "deaf": false, "held": false} {
		if p := d.Power(name); p.Ended == nil || p.Ended.How != vm.EndHostDown || (p.Ended.Stays != 0) != stays {
			t.Errorf("%s ended as %+v", name, p.Ended)
		}
	}
	d.Stop()
	d = h.Start() // in the same boot they stay off
	d.Until("db to be held", func() bool { return strings.Contains(d.Power("db").Reason, "next boot") })
	if n := h.Living(); n != 0 {
		t.Errorf("%d QEMUs live", n)
	}
	d = reboot(h, d)
	d.State("web", vm.StateRunning)
	d.State("db", vm.StateRunning)
	if d.PID("deaf") != 0 || d.PID("held") != 0 {
		t.Error("one without autostart came back")
	}
}

func TestStoppingAllVMsGoesOnWithTheNextDaemonAndEndsInTime(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("deaf", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("deaf", on, func(def *vm.Definition) { def.Autostart = true; def.StopTimeout = 3600 })))
	op := stopVMs(t, d, wire.StopVMs{})
	d.State("deaf", vm.StateStopping)
	d.Stop()
	d = h.Start()
	second := stopVMs(t, d, wire.StopVMs{Timeout: 1})
	d.Done(op)
	d.Done(second)
	if p := d.State("deaf", vm.StateOff); p.Ended.How != vm.EndHostDown || p.Ended.Stays == 0 {
		t.Errorf("%+v", p.Ended)
	}
	d.Done(stopVMs(t, d, wire.StopVMs{})) // nothing runs
	d.Done(d.Verb("start", "deaf"))       // a person may go on with this boot
	d.State("deaf", vm.StateRunning)
}
