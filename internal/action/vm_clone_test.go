package action

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestACloneIsAnotherMachineOnLayersOfTheSame(t *testing.T) {
	d := newDesk(t)
	d.image("debian", storage.DiskImage)
	d.image("installer", storage.ISOImage)
	src := d.create("web", ofImage("root", "debian", 8*model.MiB), ofImage("data", "", model.MiB), inDrive("installer"), nic(), func(def *vm.Definition) {
		def.Labels = map[string]string{"tier": "front"}
		def.CloudInit = &vm.CloudInit{Hostname: "web", User: "ann"}
		def.Vsock = &vm.Vsock{CID: 77}
		def.GenerationID = "11111111-2222-4333-8444-555555555555"
	})
	res, err := d.CloneVM(t.Context(), member, ref("web"), wire.CloneVM{Name: "copy", Labels: map[string]string{"of": "web"}})
	d.must(err)
	got := d.object("copy")
	if got.Spec.UUID == src.Spec.UUID || got.Spec.UUID == "" || got.Spec.NICs["lan"].MAC != "" || got.Spec.GenerationID != "" || got.Spec.Vsock.CID != 0 {
		t.Errorf("it is not another machine: %+v", got.Spec)
	}
	if got.Spec.CloudInit.Hostname != "copy" || got.Labels["tier"] != "front" || got.Labels["of"] != "web" || got.Spec.Power != vm.Off || got.Origin != model.Manual {
		t.Errorf("it is %+v", got)
	}
	if got.Spec.Disks["root"].Volume != "copy-root" || got.Spec.CDROMs["cd"].Volume != "installer" {
		t.Errorf("its disks are %+v", got.Spec.Disks)
	}
	for device, layers := range map[string]int{"root": 3, "data": 2} {
		of, _, err := d.Actions.volume(t.Context(), "default", "web-"+device)
		d.must(err)
		v, _, err := d.Actions.volume(t.Context(), "default", "copy-"+device)
		d.must(err)
		if !of.Frozen || len(v.Chain()) != layers || v.Chain()[layers-2].ID != of.Head().ID || v.Spec.Size != of.Spec.Size {
			t.Errorf("%s is %+v on %+v", device, v, of)
		}
	}
	if res.Operation.Target.Name != "copy" || len(d.files()) != 4 {
		t.Errorf("%+v; files are %v", res.Operation.Target, d.files())
	}
}

func TestNothingIsLeftOfACloneThatCannotBe(t *testing.T) {
	for what, one := range map[string]struct {
		spoil func(*desk)
		body  wire.CloneVM
		kind  fault.Kind
		words []string
	}{
		"it runs": {func(d *desk) { d.seen(vm.PowerStatus{State: vm.StateRunning, Process: &vm.Process{PID: 7}}) }, wire.CloneVM{Name: "copy"}, fault.Conflict,
			[]string{"HV-VM-140", "hv vm clone web copy --snapshot before-clone", "--full"}},
		"the name is taken":     {func(d *desk) { d.create("copy") }, wire.CloneVM{Name: "copy"}, fault.Conflict, []string{"HV-VM-022"}},
		"a volume is there":     {func(d *desk) { d.volume("copy-data") }, wire.CloneVM{Name: "copy"}, fault.Conflict, []string{"HV-VOL-002", "copy-data"}},
		"no snapshot":           {nil, wire.CloneVM{Name: "copy", Snapshot: "before"}, fault.NotFound, []string{"HV-SNAP-001"}},
		"a volume is not said":  {nil, wire.CloneVM{Name: "copy", Volumes: map[string]string{"root": "x"}}, fault.Invalid, []string{"disk data"}},
		"volumes are not there": {nil, wire.CloneVM{Name: "copy", Volumes: map[string]string{"root": "x", "data": "y"}}, fault.Invalid, []string{"HV-VM-017"}},
		"no name":               {nil, wire.CloneVM{Name: "No Name"}, fault.Invalid, nil},
		"no room to tell":       {func(d *desk) { d.paper.out.Store(true) }, wire.CloneVM{Name: "copy"}, fault.Exhausted, nil},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDesk(t)
			d.image("debian", storage.DiskImage)
			d.create("web", ofImage("root", "debian", 0), ofImage("data", "", model.MiB))
			if one.spoil != nil {
				one.spoil(d)
			}
			before, files := d.revision(), len(d.files())
			_, err := d.CloneVM(t.Context(), member, ref("web"), one.body)
			told(t, err, one.kind, one.words...)
			if len(d.files()) != files || d.revision() != before {
				t.Errorf("it left %v, revision %d after %d", d.files(), d.revision(), before)
			}
		})
	}
}

func TestACloneSaysWhatItDoesNotBeginWith(t *testing.T) {
	d := newDesk(t)
	d.create("web", func(def *vm.Definition) { def.TPM, def.Firmware = &vm.TPM{}, vm.UEFI })
	o := d.object("web")
	found := notTheSame(o, clonedDefinition(o, wire.CloneVM{Name: "copy"}))
	var codes string
	for _, f := range found {
		codes += f.Code + " "
	}
	if codes != "HV-VM-141 HV-VM-142 HV-VM-143 " {
		t.Errorf("said are %v", found)
	}
}
