package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func facts() host.Facts {
	return host.Facts{
		OS: "linux", Arch: "x86_64", BootID: "boot-1", CPUs: 4, Memory: 8 * model.GiB,
		KVM: &host.Verdict{Why: "/dev/kvm boots nothing"}, Cgroup: &host.Cgroup{Mode: "v2", Enforced: true},
		QEMU: &host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Arch: "x86_64", Version: "7.2.22", Machines: []host.Machine{{Name: "pc-q35-7.2", Alias: "q35", CPUs: 288}}},
	}
}

// input is a VM that was wished on and has never run.
func input(edit func(*VMInput)) VMInput {
	in := VMInput{
		Wish: vm.Object{
			Metadata: model.Metadata{Name: "web", Project: "default", Generation: 3},
			Spec:     vm.Spec{UUID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", Power: vm.On}, PowerGeneration: 3,
		},
		Facts: facts(), Now: noon,
	}
	edit(&in)
	in.Effective, _ = vm.Effective(in.Wish.Spec, "x86_64")
	return in
}

func process() *vm.Process { return &vm.Process{PID: 42, StartTime: 7, BootID: "boot-1"} }

func runs(state string) func(*VMInput) {
	return func(in *VMInput) {
		in.Seen = vm.Seen{Process: process(), RunState: state}
		in.Last = &vm.PowerStatus{State: vm.StateRunning, Process: process()}
	}
}

func with(edits ...func(*VMInput)) func(*VMInput) {
	return func(in *VMInput) {
		for _, e := range edits {
			e(in)
		}
	}
}

func wish(p vm.Power) func(*VMInput) { return func(in *VMInput) { in.Wish.Spec.Power = p } }

func died(in *VMInput) {
	in.Seen = vm.Seen{Leftover: true, Exit: "signal: killed"}
	in.Last = &vm.PowerStatus{State: vm.StateRunning, Process: process()}
}

func deleted(in *VMInput) { in.Wish.Deleted = &noon }

func asked(generation int64, deadline time.Time) func(*VMInput) {
	return func(in *VMInput) {
		in.Last.StopAsked = &vm.StopAsked{PowerGeneration: generation, Deadline: deadline, Again: deadline}
	}
}

func rebooting(in *VMInput) { in.Last.StopAsked.Reboot = true }

func ended(how vm.End, generation int64) func(*VMInput) {
	return func(in *VMInput) {
		in.Last = &vm.PowerStatus{State: vm.StateOff, Ended: &vm.Ended{How: how, PowerGeneration: generation}}
	}
}

// served says for which wish the process of the last run was.
func served(generation int64) func(*VMInput) {
	return func(in *VMInput) {
		p := *in.Last.Process
		p.Wish, in.Last.Process = generation, &p
	}
}

func kinds(p Plan) string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, string(s.Kind))
	}
	return strings.Join(out, " ")
}

func TestWhatIsDoneAboutAVM(t *testing.T) {
	later := noon.Add(time.Minute)
	for name, c := range map[string]struct {
		edit    func(*VMInput)
		steps   string
		reached bool
		end     vm.End
	}{
		"a VM that was never on is started":                     {wish(vm.On), "launch attach continue", true, ""},
		"one that is wished paused stays before its first step": {wish(vm.Paused), "launch attach", true, ""},
		"one that is wished off stays off":                      {wish(vm.Off), "", true, ""},
		"leftovers go before a start":                           {func(in *VMInput) { in.Seen.Leftover = true }, "cleanup launch attach continue", true, ""},
		"a running one is left alone":                           {runs("running"), "", true, ""},
		"a paused one goes on":                                  {runs("paused"), "continue", true, ""},
		"prelaunch goes on":                                     {runs("prelaunch"), "continue", true, ""},
		"a running one is paused":                               {with(runs("running"), wish(vm.Paused)), "pause", true, ""},
		"prelaunch counts as paused":                            {with(runs("prelaunch"), wish(vm.Paused)), "", true, ""},
		"the guest is asked to power off":                       {with(runs("running"), wish(vm.Off)), "powerdown", false, ""},
		"a paused guest must run to power off":                  {with(runs("paused"), wish(vm.Off)), "continue powerdown", false, ""},
		"a guest that has not begun needs not be asked":         {with(runs("prelaunch"), wish(vm.Off)), "quit cleanup", true, ""},
		"it is asked once for each wish":                        {with(runs("running"), wish(vm.Off), asked(3, later)), "", false, ""},
		"a newer wish asks again":                               {with(runs("running"), wish(vm.Off), asked(2, later)), "powerdown", false, ""},
		"a start waits for a guest that powers off":             {with(runs("running"), asked(2, later)), "", false, ""},
		"but not for ever":                                      {with(runs("running"), asked(2, noon)), "", true, ""},
		"a guest that powered itself off is put away":           {runs("shutdown"), "quit cleanup", true, vm.EndGuest},
		"one that was asked to is put away":                     {with(runs("shutdown"), wish(vm.Off), asked(3, later)), "quit cleanup", true, vm.EndStopped},
		"a start after a stop starts once it is off":            {with(runs("shutdown"), asked(2, later)), "quit cleanup", false, vm.EndStopped},
		"a panicked guest is put away":                          {runs("guest-panicked"), "quit cleanup", true, vm.EndPanic},
		"a QEMU that died is not started again by itself":       {died, "cleanup", true, vm.EndQEMU},
		"whatever ends it before a newer wish was acted on":     {with(died, served(2)), "cleanup launch attach continue", true, vm.EndQEMU},
		"uses up the wishes that were":                          {with(died, served(3)), "cleanup", true, vm.EndQEMU},
		"those that were reached too":                           {with(died, served(2), func(in *VMInput) { in.Last.ObservedGeneration = 3 }), "cleanup", true, vm.EndQEMU},
		"a guest that powered off stays off":                    {ended(vm.EndGuest, 3), "", true, ""},
		"until somebody wishes anew":                            {ended(vm.EndGuest, 2), "launch attach continue", true, ""},
		"a host that rebooted takes VMs with it":                {with(died, func(in *VMInput) { in.Facts.BootID = "boot-2" }), "cleanup", true, vm.EndHostReboot},
		"and those with autostart start again": {with(died, func(in *VMInput) { in.Facts.BootID = "boot-2"; in.Wish.Spec.Autostart = true }),
			"cleanup launch attach continue", true, vm.EndHostReboot},
		"kill ends QEMU":                           {with(runs("running"), wish(vm.Off), func(in *VMInput) { in.Kill = true }), "kill cleanup", true, ""},
		"kill ends one that cannot be asked":       {with(runs(""), wish(vm.Off), func(in *VMInput) { in.Kill = true }), "kill cleanup", true, ""},
		"what died while a kill was asked, ended":  {with(died, wish(vm.Off)), "cleanup", true, vm.EndKilled},
		"reset resets":                             {with(runs("running"), func(in *VMInput) { in.Reset = true }), "reset", true, ""},
		"reboot asks the guest to power off":       {with(runs("running"), func(in *VMInput) { in.Reboot = true }), "powerdown", false, ""},
		"and waits for it":                         {with(runs("running"), asked(3, later), rebooting), "", false, ""},
		"and puts it away":                         {with(runs("shutdown"), asked(3, later), rebooting), "quit cleanup", false, vm.EndReboot},
		"and starts it again":                      {ended(vm.EndReboot, 2), "launch attach continue", true, ""},
		"also where nobody wrote down the asking":  {with(runs("shutdown"), func(in *VMInput) { in.Reboot = true }), "quit cleanup", false, vm.EndReboot},
		"also where QEMU died of it":               {with(died, asked(3, later), rebooting), "cleanup launch attach continue", true, vm.EndReboot},
		"a guest that lets its time pass runs on":  {with(runs("running"), asked(3, noon), rebooting), "", true, ""},
		"a stop takes the place of a reboot":       {with(runs("running"), wish(vm.Off), asked(2, later), rebooting), "powerdown", false, ""},
		"also where both are one wish":             {with(runs("running"), wish(vm.Off), asked(3, later), rebooting), "powerdown", false, ""},
		"a reset takes the place of a reboot":      {with(runs("running"), asked(3, later), rebooting, func(in *VMInput) { in.Reset = true }), "reset", true, ""},
		"a deleted one is forgotten":               {with(wish(vm.On), deleted), "forget", true, ""},
		"with its leftovers":                       {with(died, deleted), "cleanup forget", true, vm.EndKilled},
		"a deleted one that runs is stopped first": {with(runs("running"), deleted), "powerdown", false, ""},
	} {
		p, err := VM(input(c.edit))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		how := vm.End("")
		if p.Ended != nil {
			how = p.Ended.How
		}
		if kinds(p) != c.steps || p.Reached != c.reached || how != c.end {
			t.Errorf("%s:\n  got  %q reached %v end %q\n  want %q reached %v end %q", name, kinds(p), p.Reached, how, c.steps, c.reached, c.end)
		}
	}
}

func TestAnEndIsFoundOutOnce(t *testing.T) {
	in := input(with(runs("shutdown"), func(in *VMInput) { in.Last.Ended = &vm.Ended{How: vm.EndGuest, Run: 7, PowerGeneration: 3} }))
	p, err := VM(in)
	if err != nil || p.Ended != nil || kinds(p) != "quit cleanup" {
		t.Errorf("%+v %v", p, err)
	}
}

func TestAGuestThatDoesNotPowerOffInTimeIsTold(t *testing.T) {
	p, err := VM(input(with(runs("running"), wish(vm.Off), asked(3, noon))))
	if err != nil || !p.Overdue || p.Reached || len(p.Steps) > 0 {
		t.Errorf("%+v %v", p, err)
	}
}

func TestAGuestThatDoesNotRebootInTimeIsToldAndNothingOfItStays(t *testing.T) {
	p, err := VM(input(with(runs("running"), asked(3, noon), rebooting)))
	if err != nil || !p.Unheard || p.Overdue || p.StopAsked != nil {
		t.Errorf("%+v %v", p, err)
	}
}

func TestAGuestThatWasStillBootingIsAskedAgain(t *testing.T) {
	in := input(with(runs("running"), wish(vm.Off), asked(3, noon.Add(time.Minute))))
	in.Last.StopAsked.Again = noon
	p, err := VM(in)
	if err != nil || kinds(p) != "powerdown" || p.Overdue || !p.Until.Equal(noon.Add(pressAgain)) || !p.StopAsked.Again.Equal(p.Until) {
		t.Errorf("%+v %v", p, err)
	}
	if !p.StopAsked.Deadline.Equal(noon.Add(time.Minute)) {
		t.Errorf("its time has become another: %v", p.StopAsked.Deadline)
	}
}

func TestADeletedVMIsNotDeletedWhileItsProcessIsJustGone(t *testing.T) {
	p, err := VM(input(with(runs("running"), deleted, func(in *VMInput) { in.Kill = true })))
	if err != nil || kinds(p) != "kill cleanup" || p.Reached || p.Removed || !p.Until.Equal(noon) {
		t.Errorf("%+v %v", p, err)
	}
}

func TestWhatCannotBeAskedIsNotTouched(t *testing.T) {
	p, err := VM(input(with(runs(""), func(in *VMInput) { in.Seen.Silent = "the monitor is held by another process" })))
	if fault.KindOf(err) != fault.Unavailable || len(p.Steps) > 0 || !strings.Contains(err.Error(), "held by another process") {
		t.Errorf("%v, and %q would be done", err, kinds(p))
	}
}

func TestAStartNeedsWhatItsSpecNames(t *testing.T) {
	in := input(func(in *VMInput) {
		in.Wish.Spec.Disks = map[string]vm.Disk{"root": {Volume: "web-root"}}
		in.Wish.Spec.Boot = &vm.Boot{Kernel: "k", Initrd: "i"}
	})
	_, err := VM(in)
	if fault.KindOf(err) != fault.NotFound || fault.HintOf(err) == "" {
		t.Fatalf("without its files: %v", err)
	}
	in.Volumes = map[string]storage.Volume{"root": {Spec: storage.VolumeSpec{Pool: "default", Format: storage.Raw, Size: model.GiB}, File: "u.raw"}}
	in.BootFiles = map[string]storage.BootFile{"k": {SHA256: "aa", Size: 1}, "i": {SHA256: "bb", Size: 1}}
	p, err := VM(in)
	if err != nil {
		t.Fatal(err)
	}
	start := p.Steps[0].Start
	var got []string
	for i, f := range start.Files {
		if f.Name != start.Order.Files[i] {
			t.Errorf("file %d is %q in the order and %q in the plan", i, start.Order.Files[i], f.Name)
		}
		got = append(got, string(f.Source)+":"+f.Volume+f.SHA256+f.Log)
	}
	for _, want := range []string{"volume:u.raw", "boot-file:aa", "boot-file:bb", "log:serial", "log:qemu"} {
		if !strings.Contains(strings.Join(got, " "), want) {
			t.Errorf("no %s among %v", want, got)
		}
	}
	if start.Pinned.MachineType != "pc-q35-7.2" || start.Accelerator != vm.TCG || len(p.Findings) != 1 {
		t.Errorf("%+v, findings %v", start, p.Findings)
	}
}

func TestTheAcceleratorIsChosenAndSaid(t *testing.T) {
	works, broken := facts(), facts()
	works.KVM = &host.Verdict{OK: true, Why: "a probe VM ended as expected"}
	for name, c := range map[string]struct {
		wish  vm.Accelerator
		facts host.Facts
		arch  string
		want  vm.Accelerator
		notes int
		kind  fault.Kind
	}{
		"kvm where it works":            {vm.Auto, works, "x86_64", vm.KVM, 0, 0},
		"tcg where it does not, said":   {vm.Auto, broken, "x86_64", vm.TCG, 1, 0},
		"tcg for a foreign guest, said": {vm.Auto, works, "aarch64", vm.TCG, 1, 0},
		"tcg by wish":                   {vm.TCG, works, "x86_64", vm.TCG, 0, 0},
		"kvm by force where it fails":   {vm.KVM, broken, "x86_64", "", 0, fault.Precondition},
	} {
		got, notes, err := Accelerator(c.wish, c.facts, "web", c.arch)
		if got != c.want || len(notes) != c.notes || err != nil && fault.KindOf(err) != c.kind || err == nil && c.kind != 0 {
			t.Errorf("%s: %q %v %v", name, got, notes, err)
		}
	}
}

// What helps depends on why: the firmware, the hypervisor above, or another host.
func TestWithoutKVMTheRemedyFitsTheHost(t *testing.T) {
	machine, above := facts(), facts()
	for _, f := range []*host.Facts{&machine, &above} {
		f.OS, f.CPU, f.KVM = "linux", &host.CPU{Vendor: "GenuineIntel"}, &host.Verdict{Why: "no vmx"}
	}
	above.Platform = &host.Platform{Hypervisor: "kvm"}
	for name, c := range map[string]struct {
		facts      host.Facts
		arch, says string
	}{
		"a machine":        {machine, "x86_64", "enable VT-x (Intel Virtualization Technology) in the firmware"},
		"a VM itself":      {above, "x86_64", "nested virtualization on this VM's host"},
		"a foreign guest":  {machine, "aarch64", "a host of aarch64"},
		"foreign, in a VM": {above, "aarch64", "a host of aarch64"},
	} {
		_, notes, err := Accelerator(vm.Auto, c.facts, "web", c.arch)
		if err != nil || len(notes) != 1 || !strings.Contains(notes[0].Remedy, c.says) {
			t.Errorf("%s: %+v %v", name, notes, err)
		}
		if _, _, err = Accelerator(vm.KVM, c.facts, "web", c.arch); !strings.Contains(fault.HintOf(err), c.says) {
			t.Errorf("%s, by force: %s", name, fault.HintOf(err))
		}
	}
}

func TestAMissingQEMUIsToldWithItsRemedy(t *testing.T) {
	for _, q := range []*host.QEMU{nil, {Arch: "x86_64", Why: "there is none"}, {Path: "/q", Arch: "x86_64", Version: "6.0", Why: "6.0 is older than 7.2"}} {
		_, err := VM(input(func(in *VMInput) { in.Facts.QEMU = q }))
		if fault.KindOf(err) != fault.Precondition || !strings.Contains(fault.HintOf(err), "apt-get install qemu-system-x86") {
			t.Errorf("%v: %v (%s)", q, err, fault.HintOf(err))
		}
	}
}

func TestAVolumesFileIsMadeOnceAndNeverReplaced(t *testing.T) {
	gone := storage.Volume{}
	gone.Deleted = &noon
	for name, c := range map[string]struct {
		in   VolumeInput
		want Plan
		err  bool
	}{
		"made":             {VolumeInput{}, Plan{Steps: []Step{{Kind: CreateVolume, Name: "make its file", Volume: &storage.Volume{}}}, Reached: true}, false},
		"there":            {VolumeInput{Exists: true, Made: true}, Plan{Reached: true}, false},
		"lost":             {VolumeInput{Made: true}, Plan{}, true},
		"deleted":          {VolumeInput{Wish: gone, Exists: true, Made: true}, Plan{Steps: []Step{{Kind: DeleteVolume, Name: "delete its file", Volume: &gone}}, Reached: true, Removed: true}, false},
		"deleted and used": {VolumeInput{Wish: gone, Exists: true, UsedBy: "vm/web"}, Plan{}, false},
		"deleted and gone": {VolumeInput{Wish: gone}, Plan{Reached: true, Removed: true}, false},
	} {
		got, err := Volume(c.in)
		if d := cmp.Diff(c.want, got); d != "" || (err != nil) != c.err {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}
