//go:build linux

package qemu_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func TestMain(m *testing.M) {
	fakeqemu.RunIfAsked()
	os.Exit(m.Run())
}

// started is a VM "web" that runs, and its UUID.
func started(t *testing.T, edit ...func(*vm.Definition)) (*fakehost.Daemon, string) {
	t.Helper()
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web", append(edit, func(def *vm.Definition) { def.Power = vm.On })...)))
	d.State("web", vm.StateRunning)
	return d, d.VM("web").Spec.UUID
}

func TestWhatIsSeenIsAskedAndNeverRemembered(t *testing.T) {
	d, uuid := started(t)
	seen, err := d.VMs.Observe(t.Context(), uuid)
	if err != nil || seen.RunState != "running" || seen.Process == nil || seen.Process.PID != d.PID("web") {
		t.Fatalf("%+v, %v", seen, err)
	}
	d.Stop() // nobody reacts to what follows
	d.Murder("web")
	other := d.Hand()
	if seen, err = other.Observe(t.Context(), uuid); err != nil || seen.Process != nil || !seen.Leftover || !strings.Contains(seen.Exit, "killed") {
		t.Errorf("%+v, %v", seen, err)
	}
	if seen, err = other.Observe(t.Context(), "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"); err != nil || seen.Process != nil || seen.Leftover {
		t.Errorf("of nobody is seen %+v, %v", seen, err)
	}
}

func TestAVerbOnWhatIsGoneSaysSoOrIsDoneAlready(t *testing.T) {
	d, uuid := started(t)
	d.Stop()
	d.Murder("web")
	h := d.Hand()
	for name, verb := range map[string]func(context.Context, string) error{
		"continue": h.Continue, "pause": h.Pause, "power down": h.PowerDown, "reset": h.Reset,
	} {
		if err := verb(t.Context(), uuid); fault.KindOf(err) != fault.Precondition || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 { // each may be done again
		for name, verb := range map[string]func(context.Context, string) error{"quit": h.Quit, "kill": h.Kill} {
			if err := verb(t.Context(), uuid); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for range 2 {
		if err := h.Cleanup(t.Context(), uuid); err != nil {
			t.Error(err)
		}
	}
	if err := h.Forget(t.Context(), uuid); err != nil {
		t.Error(err)
	}
	if _, err := h.Socket(uuid, "serial0"); fault.KindOf(err) != fault.Precondition {
		t.Errorf("its console is at %v", err)
	}
}

func TestALivingProcessIsNotCleanedUp(t *testing.T) {
	d, uuid := started(t)
	if err := d.VMs.Cleanup(t.Context(), uuid); fault.KindOf(err) != fault.Precondition {
		t.Errorf("%v", err)
	}
	if path, err := d.VMs.Socket(uuid, "serial0"); err != nil || !strings.HasSuffix(path, "serial0") {
		t.Errorf("%s, %v", path, err)
	}
	if _, err := d.VMs.Socket(uuid, "net-lan"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
}

func TestAQEMUThatDoesNotQuitIsKilled(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "quit", Do: fakeqemu.Refuse, Value: "no"}}})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", func(def *vm.Definition) { def.Power = vm.On })))
	if err := d.VMs.Quit(t.Context(), d.VM("web").Spec.UUID); err != nil {
		t.Fatal(err)
	}
	if d.PID("web") != 0 {
		t.Error("it lives")
	}
}

// A launch whose answer was lost may have been done: who comes next has to look before it launches.
func TestALaunchWhoseAnswerWasLostIsFound(t *testing.T) {
	h := fakehost.New(t)
	var once sync.Once
	h.Lose(func(verb string) bool {
		lost := false
		if verb == "launch" {
			once.Do(func() { lost = true })
		}
		return lost
	})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", func(def *vm.Definition) { def.Power = vm.On })))
	p := d.State("web", vm.StateRunning)
	if p.Process.PID != d.PID("web") || p.Pinned == nil {
		t.Errorf("%+v", p)
	}
	if n := h.Living(); n != 1 {
		t.Errorf("%d QEMUs live", n)
	}
}

func TestAPasstThatDiesIsReplacedWhileTheGuestRuns(t *testing.T) {
	d, uuid := started(t, func(def *vm.Definition) { def.NICs = map[string]vm.NIC{"lan": {}} })
	asked := make(chan struct{})
	var once sync.Once
	d.Refuse(func(verb, of string) error {
		if verb == string(privilege.VerbUplink) && of == uuid {
			once.Do(func() { close(asked) })
		}
		return nil
	})
	path, err := d.VMs.Socket(uuid, "net-lan")
	if err != nil {
		t.Fatal(err)
	}
	passt, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = passt.Close()
	select {
	case <-asked:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody asked for another")
	}
}

func TestWhileAMonitorIsDialledTheProcessCanBeSeenToDie(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "greeting", Do: fakeqemu.Silent}}})
	d := h.Start()
	op := d.Create(fakehost.Tiny("web", func(def *vm.Definition) { def.Power = vm.On }))
	d.State("web", vm.StateStarting) // its greeting is waited for, 30 s
	h.Murder("web")
	if end := d.Ended(op); end.Error == nil || end.Error.Code != "HV-VM-014" {
		t.Errorf("%+v", end.Error)
	}
	d.State("web", vm.StateCrashed)
}

// A QEMU that hangs must not hold up who ends it, nor the workers that other VMs wait for.
func TestAQEMUThatHangsIsSilentSoon(t *testing.T) {
	d, uuid := started(t)
	d.Stop() // nobody else looks
	h := d.Hand()
	if seen, err := h.Observe(t.Context(), uuid); err != nil || seen.RunState != "running" {
		t.Fatalf("%+v, %v", seen, err)
	}
	if err := syscall.Kill(d.PID("web"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for state := byte(0); state != 'T'; { // it takes a moment
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.PID("web")))
		if err != nil {
			t.Fatal(err)
		}
		state = stat[bytes.LastIndexByte(stat, ')')+2]
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if seen, err := h.Observe(ctx, uuid); err != nil || seen.Silent == "" || seen.Process == nil {
		t.Errorf("%+v, %v", seen, err)
	}
	if err := h.Kill(ctx, uuid); err != nil {
		t.Error(err)
	}
}

func TestAnOverflowOfEventsIsALookAndNoLoss(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "system_reset", Do: fakeqemu.Flood, Value: "20000"}}})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", func(def *vm.Definition) { def.Power = vm.On })))
	d.Done(d.Verb("reset", "web"))
	d.Done(d.Verb("stop", "web"))
	d.State("web", vm.StateOff)
}
