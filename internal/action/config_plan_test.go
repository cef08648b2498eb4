package action

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// plan is what applying a declaration would do.
func (d *desk) plan(text string) wire.Preview {
	d.t.Helper()
	dry := root
	dry.DryRun = true
	res, err := d.ApplyConfig(d.t.Context(), dry, d.declare(text))
	d.must(err)
	return *res.Preview
}

func vmsOf(vms string) string { return `{"hypervisor":{"vms":{` + vms + `}}}` }

func lines(p wire.Preview) string {
	var out []string
	for _, s := range p.Plan {
		out = append(out, s.Name)
	}
	return strings.Join(out, "\n")
}

// runs writes down that the VM "web" runs with its spec of now.
func (d *desk) runs() {
	d.t.Helper()
	o := d.object("web")
	full, _ := vm.Effective(o.Spec, "x86_64")
	d.seen(vm.PowerStatus{
		State: vm.StateRunning, Process: &vm.Process{PID: 7, Started: &full, Ports: 8},
		Pinned: &vm.Pinned{MachineType: "pc-q35-7.2", Slots: map[string]int{"disk/root": 1}},
	})
}

func TestAPlanSaysWhatBecomesOfEachThing(t *testing.T) {
	d := newDesk(t)
	for _, v := range []string{"root", "more", "data"} {
		d.volume(v)
	}
	d.create("hand")
	d.apply(`"web":{` + small + `,"power":"on","disks":{"root":{"volume":"root"}}},"kept":{` + small + `},"grown":{` + small + `},"told":{` + small + `},
		"gone":{` + small + `,"power":"on","disks":{"data":{"volume":"data"}}},"idle":{` + small + `}`)
	d.runs()
	p := d.plan(vmsOf(`"kept":{` + small + `},"new":{` + small + `,"power":"on"},"grown":{` + small + `,"cpus":2,"power":"on"},
		"told":{` + small + `,"labels":{"a":"b"}},"web":{"memory":"512MiB","power":"on","disks":{"root":{"volume":"root"},"more":{"volume":"more"}}}`))
	want := `generation 2 of the declaration stands
vm grown: changed; cpus; power on
vm new: created; power on
vm told: changed; labels
vm web: pending restart; disks.more; at its next start memory
vm gone: stopped; it is its owner's from now on; its volumes are kept: data
vm idle: kept; it is its owner's from now on`
	if got := lines(p); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	web := p.Config.VMs[4]
	if len(web.Changes) != 2 || web.Changes[0].Restart || web.Changes[1].Path != "memory" || web.Changes[1].Why == "" {
		t.Errorf("%+v", web)
	}
	if c := p.Config; c.Untouched != 1 || c.Standing != 1 || c.Generation != 2 || c.Nothing || p.Refused {
		t.Errorf("%+v", c)
	}
	live := d.plan(vmsOf(`"web":{` + small + `,"power":"on","disks":{"root":{"volume":"root"},"more":{"volume":"more"}}}`))
	if got := live.Config.VMs[0].Becomes; got != wire.ChangedLive {
		t.Errorf("a disk more is %q", got)
	}
	off := d.plan(vmsOf(`"web":{` + small + `,"power":"off","disks":{"root":{"volume":"root"}}}`))
	if got := off.Config.VMs[0]; got.Becomes != wire.ChangedLive || got.Power != vm.Off {
		t.Errorf("switched off, it is %+v", got)
	}
}

// A VM that is taken back is not left alone, whether it is declared again or an earlier generation is to stand.
func TestWhatIsTakenBackIsNotLeftAlone(t *testing.T) {
	d := newDesk(t)
	d.create("hand")
	d.apply(`"web":{` + small + `},"idle":{` + small + `}`)
	d.apply(``)
	text := `"web":{` + small + `}`
	p := d.plan(vmsOf(text))
	if c := p.Config; c.Untouched != 2 || len(c.VMs) != 1 || !c.VMs[0].Again { // hand and idle
		t.Errorf("%+v", c)
	}
	dry := root
	dry.DryRun = true
	res, err := d.RollBackConfig(t.Context(), dry, 0)
	d.must(err)
	if c := res.Preview.Config; c.Untouched != 1 || len(c.VMs) != 2 { // hand
		t.Errorf("%+v", c)
	}
	d.apply(text)
	if c := d.plan(vmsOf(text)).Config; c.Untouched != 2 {
		t.Errorf("once it is taken back: %+v", c)
	}
}

func TestAPlanSaysWhichFeaturesComeAndGoAndWhoUsesThem(t *testing.T) {
	d := newDesk(t)
	d.facts.CPU = &host.CPU{VTx: true}
	with := `"featureManager":{"profile":"custom","enabledFeatures":["nestedVirtualization"],"riskTolerance":"accepting"}`
	_, err := d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{`+with+`}}`))
	d.must(err)
	if r, _, err := d.Resolution(t.Context()); err != nil || !r.On("nestedVirtualization") {
		t.Fatalf("%v, %v", r.Findings, err)
	}
	d.create("hand", func(def *vm.Definition) { def.NestedVirtualization = true })
	p := d.plan(`{"hypervisor":{"featureManager":{"profile":"custom","enabledFeatures":[]}}}`)
	i := 0
	for i < len(p.Config.Features) && p.Config.Features[i].ID != "nestedVirtualization" {
		i++
	}
	if i == len(p.Config.Features) {
		t.Fatalf("%+v", p.Config.Features)
	}
	if f := p.Config.Features[i]; f.Was != "on" || f.Is != "off" || len(f.VMs) != 1 || f.VMs[0] != "hand" || strings.Join(f.Why, "; ") != "no longer in enabledFeatures" {
		t.Errorf("%+v", f)
	}
	if !p.Refused || !strings.Contains(p.Findings[0].What, "vm/hand uses it") {
		t.Errorf("%+v", p.Findings)
	}
	on := d.plan(`{"hypervisor":{` + strings.Replace(with, `["nested`, `["snapshots","nested`, 1) + `}}`)
	if f := on.Config.Features; len(f) != 1 || f[0].ID != "snapshots" || f[0].Was != "off" || len(f[0].Why) == 0 {
		t.Errorf("%+v", f)
	}
}

func TestAPlanThatHasGrownStaleIsNotApplied(t *testing.T) {
	d := newDesk(t)
	d.apply(`"web":{` + small + `}`)
	text := vmsOf(`"web":{` + small + `,"cpus":2}`)
	looked := root
	looked.Plan = d.plan(text).Config.Digest
	if again := d.plan(text).Config.Digest; again != looked.Plan {
		t.Errorf("the same plan is %s and then %s", looked.Plan, again)
	}
	for what, change := range map[string]func(){
		"another declaration stands": func() { d.apply(`"web":{` + small + `,"cpus":3}`) },
		"the VM runs":                func() { d.apply(`"web":{` + small + `}`); d.runs() },
	} {
		change()
		before := d.revision()
		_, err := d.ApplyConfig(t.Context(), looked, d.declare(text))
		told(t, err, fault.Precondition, "has changed since it was planned", "HV-CFG-006")
		if d.revision() != before {
			t.Errorf("%s, and something was done", what)
		}
	}
	looked.Plan = d.plan(text).Config.Digest
	_, err := d.ApplyConfig(t.Context(), looked, d.declare(text))
	d.must(err)
}

func TestWhatOthersHoldIsRefusedBeforeAnythingIsDone(t *testing.T) {
	d := newDesk(t)
	for _, v := range []string{"a", "b", "theirs"} {
		d.volume(v)
	}
	d.create("hand", disk("root", "theirs", false), nic())
	with := func(name, volume string) string {
		return `"` + name + `":{` + small + `,"disks":{"root":{"volume":"` + volume + `"}}}`
	}
	d.apply(with("web", "a") + "," + with("db", "b"))
	d.runs()
	for name, c := range map[string]struct{ vms, word, why string }{
		"of a VM made by hand":   {with("web", "a") + "," + with("db", "theirs"), `volume "theirs" is used by vm/hand`, "not in the declaration"},
		"an address":             {`"web":{` + small + `,"nics":{"lan":{"mac":"52:54:00:11:22:33"}}}`, "MAC address 52:54:00:11:22:33 is used by vm/hand", ""},
		"of one taken out":       {with("db", "a"), `volume "a" is used by vm/web`, "not in the declaration"},
		"of one that runs":       {`"web":{` + small + `},` + with("db", "a"), `volume "a" is used by vm/web`, "until its guest has let go"},
		"in a circle":            {with("web", "b") + "," + with("db", "a"), `is used by vm/`, ""},
		"a UUID that is another": {`"web":{` + small + `,"uuid":"11111111-1111-4111-8111-111111111111"}`, "for ever", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := d.revision()
			_, err := d.ApplyConfig(t.Context(), root, d.declare(vmsOf(c.vms)))
			told(t, err, fault.Invalid, c.word, c.why)
			if d.revision() != before {
				t.Error("something was done")
			}
		})
	}
	// web is off: it gives its volume to db, and db its own to a new one, in whatever order that takes.
	d.seen(vm.PowerStatus{State: vm.StateOff})
	d.apply(`"web":{` + small + `},` + with("db", "a") + "," + with("ann", "b"))
	if o := d.object("ann"); o.Spec.Disks["root"].Volume != "b" {
		t.Errorf("%+v", o)
	}
	closed(t, d)
}

func TestAFindingOfAPlanHasItsPlace(t *testing.T) {
	d := newDesk(t)
	p := d.plan(vmsOf("\n\"web\":{\n\"disks\":{\"root\":{\"volume\":\"nowhere\"}}}"))
	var at []string
	for _, f := range p.Findings.Of(finding.Refused) {
		at = append(at, f.Position.String())
	}
	if len(at) != 1 || at[0] != "hv.json:3:27" {
		t.Errorf("%v", at)
	}
}

func TestADeclarationThatMovedInItsFileIsNoNewGeneration(t *testing.T) {
	d := newDesk(t)
	d.apply(`"web":{` + small + `}`)
	moved := "\n\n" + vmsOf(`"web":{`+small+`}`)
	p := d.plan(moved)
	if !p.Config.Nothing || !p.Config.Moved || len(p.Plan) > 0 {
		t.Errorf("%+v", p.Config)
	}
	_, err := d.ApplyConfig(t.Context(), root, d.declare(moved))
	d.must(err)
	if s, _, err := d.standing(t.Context()); err != nil || s.Generation != 1 || !s.Complete || s.decl.Sources.At("hypervisor.vms.web").Line != 3 {
		t.Errorf("%+v, %v", s.Applied, err)
	}
	if p := d.plan(moved); !p.Config.Nothing || p.Config.Moved {
		t.Errorf("%+v", p.Config)
	}
}

func TestWhatWasSwitchedByHandIsWishedBack(t *testing.T) {
	d := newDesk(t)
	text := `"web":{` + small + `,"power":"on"}`
	d.apply(text)
	_, err := d.PowerVM(t.Context(), member, VMStop, ref("web"), wire.VerbOptions{})
	d.must(err)
	p := d.plan(vmsOf(text))
	if c := p.Config; c.Nothing || c.Generation != 1 || lines(p) != "vm web: changed; power on" {
		t.Errorf("%+v\n%s", c, lines(p))
	}
	d.apply(text)
	if o := d.object("web"); o.Spec.Power != vm.On || o.Origin != model.Declared {
		t.Errorf("%+v", o)
	}
	if s, _, err := d.standing(t.Context()); err != nil || s.Generation != 1 || !s.Complete {
		t.Errorf("%+v, %v", s.Applied, err)
	}
}
