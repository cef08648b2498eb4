//go:build linux

package reconcile_test

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func edit(t *testing.T, d *fakehost.Daemon, patch string) operation.Operation {
	t.Helper()
	res, err := d.Actions.EditVM(t.Context(), fakehost.Member, fakehost.Ref("web"), []byte(patch))
	if err != nil {
		t.Fatal(err)
	}
	return *res.Operation
}

func steps(op operation.Operation) string {
	var out []string
	for _, s := range op.Steps {
		out = append(out, s.Name)
	}
	return strings.Join(out, ", ")
}

func TestADiskIsLimitedBeforeItsGuestRunsAndWhileItDoes(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Volume("data"))
	limited := func(def *vm.Definition) {
		def.Disks = map[string]vm.Disk{"root": {Volume: "data", IOThread: "io", Limits: vm.DiskLimits{DiskRates: vm.DiskRates{IOPS: 500}}}}
	}
	op := d.Done(d.Create(fakehost.Tiny("web", on, limited)))
	if got := steps(op); !strings.HasSuffix(got, "limit what disk root may do in a second, let it run") || d.Power("web").Process.Started.Disks["root"].Limits.IOPS != 500 {
		t.Errorf("%q, %+v", got, d.Power("web").Process.Started.Disks)
	}
	op = d.Done(edit(t, d, `{"disks":{"root":{"limits":null}}}`))
	if got := steps(op); got != "let disk root do what it can" || len(op.Findings) > 0 || d.Power("web").Process.Started.Disks["root"].Limits.IOPS != 0 {
		t.Errorf("%q, %v, %+v", got, op.Findings, d.Power("web").Process.Started.Disks)
	}
	d.Done(edit(t, d, `{"disks":{"root":{"limits":{"iops":7}}}}`))
	d.Done(d.Verb("suspend", "web"))
	d.Done(d.Verb("start", "web")) // QEMU is another one, and knows of no limits
	d.Until("its limits to hold again", func() bool {
		p := d.Power("web")
		return p.State == vm.StateRunning && p.Process.Started.Disks["root"].Limits.IOPS == 7 && len(p.Pending) == 0
	})
}

func TestThreadsRunWhereTheyArePinned(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Volume("data"))
	op := d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) {
		def.Disks = map[string]vm.Disk{"root": {Volume: "data", IOThread: "io"}}
		def.Pinning = &vm.Pinning{CPUs: "0", VCPUs: map[string]string{"0": "1"}, Emulator: "2", IOThreads: map[string]string{"io": "3"}}
	})))
	pid := d.PID("web")
	v, err := d.View.VM(t.Context(), fakehost.Ref("web"))
	if err != nil {
		t.Fatal(err)
	}
	uuid := v.Spec.UUID
	got := d.Pins(uuid)
	if !strings.HasSuffix(steps(op), "have its threads run on the CPUs that are theirs, let it run") || got.Rest != "2" || got.Threads[pid] != "1,3" {
		t.Errorf("%q told %+v", steps(op), got)
	}
	op = d.Done(edit(t, d, `{"pinning":null}`))
	if got := d.Pins(uuid); steps(op) != "let its threads run on any CPU" || got.Rest != "" || len(got.Threads) > 0 || d.PID("web") != pid {
		t.Errorf("%q told %+v", steps(op), got)
	}
}

func TestADiskComesAndGoesWhileItsVMRuns(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	op := d.Done(edit(t, d, `{"disks":{"data":{"volume":"data"}}}`))
	p := d.Power("web")
	if steps(op) != "attach disk data (volume data)" || len(op.Findings) > 0 || len(p.Pending) > 0 || len(p.Process.Changes) > 0 ||
		p.Process.Started.Disks["data"].Volume != "data" || p.Pinned.Slots["disk/data"] != 3 || d.PID("web") != pid {
		t.Errorf("%q, findings %v, seen %+v, process %+v", steps(op), op.Findings, p, p.Process)
	}
	op = d.Done(edit(t, d, `{"disks":null}`))
	p = d.Power("web")
	if _, pinned := p.Pinned.Slots["disk/data"]; steps(op) != "detach disk data" || len(p.Process.Started.Disks) > 0 || pinned || len(p.Pending) > 0 {
		t.Errorf("%q, seen %+v, started %+v", steps(op), p, p.Process.Started)
	}
	d.Done(d.Create(fakehost.Tiny("db", withData))) // the volume is free for others
	d.Done(edit(t, d, `{"cpus":2}`))
	if d.Launches() != 1 {
		t.Error("it was started anew for an edit")
	}
}

func TestANetworkCardComesAndGoesAndItsCableIsPulled(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	op := d.Done(edit(t, d, `{"nics":{"lan":{}}}`))
	if steps(op) != "attach network card lan" || len(op.Findings) > 0 {
		t.Errorf("%q %v", steps(op), op.Findings)
	}
	d.Until("its passt", func() bool { return len(d.Uplinks()) == 1 && d.Uplinks()[0].Socket == "net-lan" })
	asked := make(chan struct{}, 1)
	d.Refuse(func(verb, _ string) error {
		if verb == string(privilege.VerbUplink) {
			select {
			case asked <- struct{}{}:
			default:
			}
		}
		return nil
	})
	monitor, err := d.VMs.Socket(d.VM("web").Spec.UUID, "qmp")
	if err != nil {
		t.Fatal(err)
	}
	passt, err := net.Dial("unix", filepath.Join(filepath.Dir(monitor), "net-lan"))
	if err != nil {
		t.Fatal(err)
	}
	_ = passt.Close()
	select { // QEMU, which has the card's socket, tells that its passt is gone
	case <-asked:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody asked for another passt")
	}
	op = d.Done(edit(t, d, `{"nics":{"lan":{"link":"down"}}}`))
	if p := d.Power("web"); steps(op) != "pull the cable of network card lan" || p.Process.Started.NICs["lan"].Link != vm.LinkDown || len(p.Pending) > 0 {
		t.Errorf("%q %+v", steps(op), p)
	}
	op = d.Done(edit(t, d, `{"nics":null}`))
	if p := d.Power("web"); steps(op) != "detach network card lan" || len(p.Process.Started.NICs) > 0 || len(p.Pending) > 0 {
		t.Errorf("%q %+v", steps(op), p)
	}
}

func TestWhatAGuestHoldsOnToStaysPendingAndNobodyElseGetsIt(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	op := d.Done(edit(t, d, `{"disks":null,"cpus":2}`))
	p := d.Power("web")
	if !slices.Equal(p.Pending, []string{"cpus", "disks.root"}) || !strings.Contains(p.PendingWhy["disks.root"], "has not let go") ||
		!strings.Contains(p.PendingWhy["cpus"], "without cpusMax") || p.Problem != nil {
		t.Errorf("pending %v %v, problem %+v", p.Pending, p.PendingWhy, p.Problem)
	}
	if len(op.Findings) != 2 || op.Findings[1].Code != "HV-VM-061" || op.Findings[1].Path != "disks.root" {
		t.Errorf("who asked is told %+v", op.Findings)
	}
	_, err := d.Actions.CreateVM(t.Context(), fakehost.Member, "default", fakehost.Tiny("db", withData))
	if fault.KindOf(err) != fault.Conflict {
		t.Errorf("another VM got the disk: %v", err)
	}
	d.Stop()
	d = h.Start() // remembers that it was begun, and asks again in its time
	h.Advance(time.Minute)
	d.Engine.Poke(d.VM("web").Spec.UUID)
	d.Until("it to be asked again", func() bool {
		c, begun := d.Power("web").Process.Change("disks.root")
		return begun && c.Again.After(p.Process.Changes[0].Again)
	})
	d.Done(d.Verb("kill", "web"))
	d.State("web", vm.StateOff)
	d.Done(d.Create(fakehost.Tiny("db", withData)))
	d.Done(d.Verb("start", "web"))
	if p := d.State("web", vm.StateRunning); len(p.Pending) > 0 || p.Process.Started.CPUs != 2 {
		t.Errorf("after a restart pending is %v", p.Pending)
	}
}

func TestADiskWhoseVolumeIsLostIsPendingAndNoFailureOfTheVM(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.LoseVolume("data")
	d.Done(edit(t, d, `{"disks":{"data":{"volume":"data"}}}`))
	if p := d.Power("web"); p.State != vm.StateRunning || !strings.Contains(p.PendingWhy["disks.data"], "attach disk data") {
		t.Errorf("%+v", p)
	}
}
