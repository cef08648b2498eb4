package action

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func contains(text, word string) bool { return strings.Contains(text, word) }

func TestAVMThatCannotBeIsRefusedWithTheThingTheCauseAndTheNextStep(t *testing.T) {
	const uuid, mac = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", "52:54:00:11:22:33"
	cases := []struct {
		name  string
		def   vm.Definition
		facts func(*host.Facts)
		kind  fault.Kind
		words []string
	}{
		{name: "more CPUs than the host has", def: definition("web", func(d *vm.Definition) { d.CPUs = 5 }), kind: fault.Invalid,
			words: []string{`cannot create vm "web"`, "asks for 5 vCPUs, and the host has 4", "web.cpus = 4 or less"}},
		{name: "more memory than the host has", def: definition("web", func(d *vm.Definition) { d.Memory = 9 * model.GiB }), kind: fault.Invalid,
			words: []string{"asks for 9GiB of memory, and the host has 8GiB"}},
		{name: "KVM that boots nothing", def: definition("web", func(d *vm.Definition) { d.Accelerator = vm.KVM }), kind: fault.Invalid,
			words: []string{"asks for KVM", "/dev/kvm boots nothing", `accelerator = "auto"`}},
		{name: "a missing disk", def: definition("web", disk("root", "nowhere", false)), kind: fault.Invalid,
			words: []string{`there is no volume "nowhere"`, "hv volume create nowhere"}},
		{name: "a missing kernel and initrd, both told", def: definition("web", func(d *vm.Definition) { d.Boot = &vm.Boot{Kernel: "k", Initrd: "i"} }), kind: fault.Invalid,
			words: []string{`there is no boot-file "k"`, `there is no boot-file "i"`, "hv boot-file import k FILE --kind kernel"}},
		{name: "a disk in use", def: definition("web", disk("root", "data", false)), kind: fault.Conflict,
			words: []string{`volume "data" is used by vm/first`, "HV-VOL-003", "read-only to both"}},
		{name: "a disk in use, though it would only read", def: definition("web", disk("root", "data", true)), kind: fault.Conflict,
			words: []string{`volume "data" is used by vm/first`}},
		{name: "a MAC address of another", def: definition("web", nic()), kind: fault.Conflict,
			words: []string{"mac " + mac + " belongs to vm/first", "HV-VM-027"}},
		{name: "a UUID of another", def: definition("web", func(d *vm.Definition) { d.UUID = uuid }), kind: fault.Conflict,
			words: []string{"uuid " + uuid + " belongs to vm/first"}},
		{name: "a name that is taken", def: definition("first"), kind: fault.Conflict,
			words: []string{`vm "first" exists already`, "hv vm show first", "HV-VM-022"}},
		{name: "everything that is malformed, at once", def: definition("Web", func(d *vm.Definition) { d.CPUs, d.Power = -1, "perhaps" }), kind: fault.Invalid,
			words: []string{`vm name "Web"`, "cpus: -1", `power: "perhaps"`}},
	}
	d := newDesk(t)
	d.volume("data")
	d.create("first", disk("root", "data", false), nic(), func(def *vm.Definition) { def.UUID = uuid })
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := d.revision()
			_, err := d.CreateVM(t.Context(), member, "default", c.def)
			told(t, err, c.kind, c.words...)
			dry := member
			dry.DryRun = true
			res, dryErr := d.CreateVM(t.Context(), dry, "default", c.def)
			switch {
			case dryErr != nil:
				told(t, dryErr, c.kind, c.words...)
			case !res.Preview.Refused || len(res.Preview.Findings) == 0:
				t.Errorf("a dry run does not tell: %+v", res.Preview)
			}
			if d.revision() != before {
				t.Error("a refusal changed the store")
			}
		})
	}
}

func TestAHostWithoutQEMUTakesAVMAndSaysThatItWaits(t *testing.T) {
	d := newDesk(t)
	d.facts.QEMU = &host.QEMU{Arch: "x86_64", Version: "5.2.0", Why: "QEMU 5.2.0 is too old: 7.2 is the oldest"}
	dry := member
	dry.DryRun = true
	res, err := d.CreateVM(t.Context(), dry, "default", definition("web"))
	if err != nil || res.Preview.Refused || len(res.Preview.Findings) != 1 {
		t.Fatalf("%+v, %v", res.Preview, err)
	}
	f := res.Preview.Findings[0]
	if !contains(f.What, "cannot start before there is a usable QEMU") || !contains(f.Why, "too old") || !contains(f.Remedy, "apt-get install") {
		t.Errorf("told: %+v", f)
	}
	d.create("web")
	if _, err := d.PowerVM(t.Context(), member, VMStop, ref("web"), wire.VerbOptions{}); err != nil {
		t.Errorf("where QEMU is missing a VM cannot even be stopped: %v", err)
	}
}

func TestOfTwoThatRaceForOneThingExactlyOneWins(t *testing.T) {
	const racers = 8
	cases := map[string]struct {
		def   func(i int) vm.Definition
		words string
	}{
		"one name": {func(int) vm.Definition { return definition("web") }, "exists already"},
		"one disk": {func(i int) vm.Definition { return definition(fmt.Sprintf("web-%d", i), disk("root", "data", false)) }, `volume "data" is used by vm/web-`},
		"one MAC": {func(i int) vm.Definition {
			return definition(fmt.Sprintf("web-%d", i), nic())
		}, "belongs to vm/web-"},
		"one UUID": {func(i int) vm.Definition {
			return definition(fmt.Sprintf("web-%d", i), func(d *vm.Definition) { d.UUID = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10" })
		}, "belongs to vm/web-"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.volume("data")
			errs := make([]error, racers)
			var all sync.WaitGroup
			for i := range racers {
				all.Go(func() { _, errs[i] = d.CreateVM(t.Context(), member, "default", c.def(i)) })
			}
			all.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
					continue
				}
				told(t, err, fault.Conflict, c.words)
			}
			vms, _, err := store.ListAll[vm.Object](t.Context(), d.Store, store.SpecPrefix("vm"))
			if won != 1 || len(vms) != 1 || err != nil {
				t.Errorf("%d won, and there are %d VMs, %v", won, len(vms), err)
			}
		})
	}
}

func TestADryRunChangesNothingAndTellsThePlan(t *testing.T) {
	d := newDesk(t)
	d.volume("data")
	d.create("web", disk("root", "data", false))
	started, err := d.PowerVM(t.Context(), member, VMStart, ref("web"), wire.VerbOptions{})
	d.must(err)
	dry := member
	dry.DryRun = true
	before, records := d.revision(), d.log.Size()
	asks := map[string]func() (Result, error){
		"create": func() (Result, error) { return d.CreateVM(t.Context(), dry, "default", definition("db")) },
		"edit":   func() (Result, error) { return d.EditVM(t.Context(), dry, ref("web"), []byte(`{"cpus":2}`)) },
		"start":  func() (Result, error) { return d.PowerVM(t.Context(), dry, VMStart, ref("web"), wire.VerbOptions{}) },
		"delete": func() (Result, error) {
			return d.DeleteVM(t.Context(), dry, ref("web"), wire.VerbOptions{Volumes: true})
		},
		"volume": func() (Result, error) { return d.CreateVolume(t.Context(), dry, "default", newVolume("more")) },
		"declaration": func() (Result, error) {
			return d.ApplyConfig(t.Context(), asRoot(dry), d.declare(`{"hypervisor":{"vms":{"db":{}}}}`))
		},
	}
	asks["import"] = func() (Result, error) {
		return d.ImportVolume(t.Context(), dry, "default", newVolume("more"), 512, broken{})
	}
	asks["kernel"] = func() (Result, error) {
		return d.ImportBootFile(t.Context(), dry, ref("linux"), storage.KernelFile, 512, broken{})
	}
	asks["cancel"] = func() (Result, error) { return d.CancelOperation(t.Context(), dry, started.Operation.ID) }
	for name, ask := range asks {
		res, err := ask()
		if err != nil || res.Operation != nil || res.Preview == nil || len(res.Preview.Plan) == 0 || res.Preview.Refused {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	if d.revision() != before || d.log.Size() != records {
		t.Error("a dry run left something behind")
	}
}

func asRoot(c Call) Call {
	c.Root, c.Actor = true, root.Actor
	return c
}

func TestWhoSawAnOlderRevisionChangesNothing(t *testing.T) {
	d := newDesk(t)
	o := d.create("web")
	stale := member
	stale.IfMatch = 1 << 40
	for name, ask := range map[string]func(Call) error{
		"edit":   func(c Call) error { _, err := d.EditVM(t.Context(), c, ref("web"), []byte(`{"cpus":2}`)); return err },
		"delete": func(c Call) error { _, err := d.DeleteVM(t.Context(), c, ref("web"), wire.VerbOptions{}); return err },
		"start": func(c Call) error {
			_, err := d.PowerVM(t.Context(), c, VMStart, ref("web"), wire.VerbOptions{})
			return err
		},
	} {
		told(t, ask(stale), fault.Precondition, "vm/web has changed since revision", "HV-API-003")
		if name == "start" {
			fresh := member
			fresh.IfMatch = o.Revision
			if err := ask(fresh); err != nil {
				t.Errorf("the revision that stands is refused: %v", err)
			}
		}
	}
}

func TestARepeatedCallIsAnsweredOnce(t *testing.T) {
	d := newDesk(t)
	once := member
	once.IdempotencyKey = "k1"
	first, err := d.CreateVM(t.Context(), once, "default", definition("web"))
	d.must(err)
	again, err := d.CreateVM(t.Context(), once, "default", definition("web"))
	if err != nil || again.Operation.ID != first.Operation.ID || again.Operation.State != operation.Pending {
		t.Fatalf("%+v, %v", again, err)
	}
	other := once
	other.Actor.UID++
	_, err = d.CreateVM(t.Context(), other, "default", definition("db"))
	d.must(err) // a key belongs to who made it
	_, err = d.PowerVM(t.Context(), once, VMStart, ref("web"), wire.VerbOptions{})
	told(t, err, fault.Conflict, "was used for vm.create of vm/web")
	once.IdempotencyKey = strings.Repeat("k", 129)
	_, err = d.CreateVM(t.Context(), once, "default", definition("dc"))
	told(t, err, fault.Invalid, "129 bytes: at most 128")
}

func TestTheSameCallManyTimesAtOnceMakesOneOperation(t *testing.T) {
	d := newDesk(t)
	once := member
	once.IdempotencyKey = "k1"
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			res, err := d.CreateVM(t.Context(), once, "default", definition("web"))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = res.Operation.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("operations %v", ids)
			break
		}
	}
	closed(t, d)
}

func TestADeclarationThatIsAppliedTwiceWithOneKeyStands(t *testing.T) {
	d := newDesk(t)
	once := root
	once.IdempotencyKey = "k1"
	text := d.declare(`{"hypervisor":{"vms":{"web":{"memory":"256MiB"}}}}`)
	first, err := d.ApplyConfig(t.Context(), once, text)
	d.must(err)
	before := d.revision()
	again, err := d.ApplyConfig(t.Context(), once, text)
	d.must(err)
	if again.Operation.ID != first.Operation.ID || again.Operation.State != operation.Done || d.revision() != before {
		t.Errorf("answered %+v at revision %d, before %d", again.Operation, d.revision(), before)
	}
	if s, _, err := d.standing(t.Context()); err != nil || len(s.decl.VMs) != 1 || !s.Complete {
		t.Errorf("what stands now is %+v, %v", s.Applied, err)
	}
}

func TestNobodyGetsADiskThatAVMMayStillWriteTo(t *testing.T) {
	states := map[string]struct {
		def  func(*vm.Definition)
		seen *vm.PowerStatus
		free bool
	}{
		"off":                 {powered(vm.Off), nil, true},
		"running":             {powered(vm.On), &vm.PowerStatus{State: vm.StateRunning}, false},
		"stopping":            {powered(vm.Off), &vm.PowerStatus{State: vm.StateStopping}, false},
		"wished on, not seen": {powered(vm.On), nil, false},
		"powered itself off":  {powered(vm.On), &vm.PowerStatus{State: vm.StateOff, Ended: &vm.Ended{PowerGeneration: 1}}, true},
	}
	edits := map[string]string{
		"taken away": `{"disks":null}`, "exchanged": `{"disks":{"root":{"volume":"other"}}}`, "read-only": `{"disks":{"root":{"readOnly":true}}}`,
	}
	for name, s := range states {
		for what, patch := range edits {
			t.Run(name+", "+what, func(t *testing.T) {
				d := newDesk(t)
				d.volume("data")
				d.volume("other")
				d.create("web", disk("root", "data", false), s.def)
				if s.seen != nil {
					d.seen(*s.seen)
				}
				_, err := d.EditVM(t.Context(), member, ref("web"), []byte(patch))
				d.must(err)
				_, err = d.CreateVM(t.Context(), member, "default", definition("db", disk("root", "data", true)))
				if !s.free {
					told(t, err, fault.Conflict, `volume "data" is used by vm/web`)
					return
				}
				d.must(err)
			})
		}
	}
}

func TestWhatAnEditTakesAwayIsFreeForOthers(t *testing.T) {
	d := newDesk(t)
	d.volume("data")
	d.create("web", disk("root", "data", false), nic())
	_, err := d.EditVM(t.Context(), member, ref("web"), []byte(`{"disks":null,"nics":null}`))
	d.must(err)
	d.create("db", disk("root", "data", false), nic())
	_, err = d.EditVM(t.Context(), member, ref("web"), []byte(`{"disks":{"root":{"volume":"data"}}}`))
	told(t, err, fault.Conflict, "is used by vm/db")
}

func TestManyMayReadOneVolume(t *testing.T) {
	d := newDesk(t)
	d.volume("data")
	d.create("a", disk("root", "data", true))
	d.create("b", disk("root", "data", true))
	_, err := d.EditVM(t.Context(), member, ref("b"), []byte(`{"disks":{"root":{"readOnly":false}}}`))
	told(t, err, fault.Conflict, "is used by vm/a")
}

func TestTwoProjectsDoNotShareAnAddress(t *testing.T) {
	d := newDesk(t)
	d.create("web", nic())
	_, err := d.CreateVM(t.Context(), member, "lab", definition("web", nic()))
	told(t, err, fault.Conflict, "belongs to vm/web")
	_, err = d.CreateVM(t.Context(), member, "No Project", definition("web"))
	told(t, err, fault.Invalid, `project "No Project"`)
}

func TestAStopThatTheGuestIgnoredCanBeAskedAgain(t *testing.T) {
	d := newDesk(t)
	d.create("web", powered(vm.Off))
	asked := &vm.StopAsked{PowerGeneration: 1, Deadline: noon.Add(1)}
	d.seen(vm.PowerStatus{State: vm.StateStopping, StopAsked: asked})
	_, err := d.PowerVM(t.Context(), member, VMStop, ref("web"), wire.VerbOptions{})
	d.must(err)
	if g := d.object("web").PowerGeneration; g != 1 {
		t.Errorf("a stop while the guest has time is a new wish: generation %d", g)
	}
	asked.Deadline = noon
	d.seen(vm.PowerStatus{State: vm.StateStopping, StopAsked: asked})
	_, err = d.PowerVM(t.Context(), member, VMStop, ref("web"), wire.VerbOptions{})
	d.must(err)
	if g := d.object("web").PowerGeneration; g != 2 {
		t.Errorf("the guest is not asked again: generation %d", g)
	}
}

func TestAVerbThatIsNotLegalSaysWhatIs(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	_, err := d.PowerVM(t.Context(), member, VMReboot, ref("web"), wire.VerbOptions{})
	told(t, err, fault.Precondition, `cannot reboot vm "web": it is off`, "hv vm start web", "HV-VM-025")
	_, err = d.PowerVM(t.Context(), member, VMStart, ref("nobody"), wire.VerbOptions{})
	told(t, err, fault.NotFound, `there is no vm "nobody"`, "hv vm list")
	d.seen(vm.PowerStatus{State: vm.StateRunning})
	_, err = d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{})
	told(t, err, fault.Precondition, "hv vm stop web, or hv vm delete --force web")
	_, err = d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{Force: true})
	d.must(err)
	_, err = d.PowerVM(t.Context(), member, VMStart, ref("web"), wire.VerbOptions{})
	told(t, err, fault.Conflict, `vm "web" is being deleted`, "hv vm wait web")
}

func TestACancelPutsBackTheWishBefore(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	start, err := d.PowerVM(t.Context(), member, VMStart, ref("web"), wire.VerbOptions{})
	d.must(err)
	res, err := d.CancelOperation(t.Context(), member, start.Operation.ID[:6])
	d.must(err)
	if o := d.object("web"); o.Spec.Power != vm.Off || o.PowerGeneration != 3 || res.Operation.State != operation.Done {
		t.Errorf("the wish is %s of generation %d, the cancel %+v", o.Spec.Power, o.PowerGeneration, res.Operation)
	}
	wish, _, err := d.operation(t.Context(), start.Operation.ID)
	if err != nil || !wish.CancelAsked {
		t.Errorf("who runs it does not hear: %+v, %v", wish, err)
	}
	_, err = d.CancelOperation(t.Context(), member, res.Operation.ID)
	told(t, err, fault.Precondition, "has ended: it is done")
	_, err = d.CancelOperation(t.Context(), member, "zz")
	told(t, err, fault.NotFound, `there is no operation "zz"`)
}

func TestACancelDoesNotPutBackWhatANewerWishHasChanged(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	start, err := d.PowerVM(t.Context(), member, VMStart, ref("web"), wire.VerbOptions{})
	d.must(err)
	d.seen(vm.PowerStatus{State: vm.StateRunning})
	_, err = d.PowerVM(t.Context(), member, VMPause, ref("web"), wire.VerbOptions{})
	d.must(err)
	_, err = d.CancelOperation(t.Context(), member, start.Operation.ID)
	d.must(err)
	if p := d.object("web").Spec.Power; p != vm.Paused {
		t.Errorf("the newer wish is gone: %s", p)
	}
}

func TestAnEditThatCannotBeIsRefused(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	for patch, words := range map[string][]string{
		`{"cpus":5}`: {`cannot change vm "web"`, "asks for 5 vCPUs"},
		`{"uuid":"6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"}`: {"for ever", "leave uuid out"},
		`{"name":"db"}`:     {`vm "web" cannot be renamed`},
		`{"cpuz":2}`:        {"cpu", "cpus"},
		`{"CPUs":2}`:        {"CPUs"},
		`{"cpus":"two"}`:    {"cpus"},
		`{"hypervisor":{}}`: {"whole declaration"},
		`[]`:                {"is an object"},
	} {
		_, err := d.EditVM(t.Context(), member, ref("web"), []byte(patch))
		told(t, err, fault.Invalid, words...)
	}
	_, err := d.EditVM(t.Context(), member, ref("web"), []byte(`{"cpus":2`))
	told(t, err, fault.Unreadable, "the patch is not JSON")
	if g := d.object("web").Generation; g != 1 {
		t.Errorf("a refused edit counts: generation %d", g)
	}
}
