package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// started is a VM that runs with a root disk and a network card, and is wished as edit has it.
func started(state string, edit func(*VMInput, *vm.Process)) VMInput {
	return input(func(in *VMInput) {
		in.Wish.Spec.Disks = map[string]vm.Disk{"root": {Volume: "web-root"}}
		in.Wish.Spec.NICs = map[string]vm.NIC{"lan": {}}
		in.Volumes = map[string]storage.Volume{}
		for _, name := range []string{"root", "data", "more"} {
			in.Volumes[name] = storage.Volume{Spec: storage.VolumeSpec{Pool: "default", Format: storage.QCOW2, Size: model.GiB}, File: name + ".qcow2"}
		}
		spec, _ := vm.Effective(in.Wish.Spec, "x86_64")
		p := process()
		p.Started, p.Ports = &spec, 7
		in.Seen = vm.Seen{Process: process(), RunState: state}
		in.Last = &vm.PowerStatus{State: vm.StateRunning, Process: p, Pinned: &vm.Pinned{
			MachineType: "pc-q35-7.2", Slots: map[string]int{"disk/root": 1, "nic/lan": 2, "rng": 3},
		}}
		in.Wish.Spec = in.Wish.Spec.Clone()
		edit(in, p)
	})
}

func TestWhatAVMThatRunsIsGivenAndWhatWaitsForItsNextStart(t *testing.T) {
	data, yes := vm.Disk{Volume: "web-data"}, true
	attach := func(in *VMInput, _ *vm.Process) { in.Wish.Spec.Disks["data"] = data }
	detach := func(in *VMInput, _ *vm.Process) { delete(in.Wish.Spec.Disks, "root") }
	edited(t, map[string]liveCase{
		"nothing has changed":       {"running", func(*VMInput, *vm.Process) {}, "", ""},
		"what needs no QEMU at all": {"running", func(in *VMInput, _ *vm.Process) { in.Wish.Spec.StopTimeout, in.Wish.Spec.Description = 5, "x" }, "", ""},
		"a disk comes":              {"running", attach, "plug disk-data", ""},
		"to a paused VM too":        {"paused", func(in *VMInput, p *vm.Process) { attach(in, p); in.Wish.Spec.Power = vm.Paused }, "plug disk-data", ""},
		"a disk goes":               {"running", detach, "unplug disk-root", ""},
		"not while the guest cannot let go": {"paused", func(in *VMInput, p *vm.Process) {
			detach(in, p)
			in.Wish.Spec.Power = vm.Paused
		}, "", "disks.root: has to run"},
		"a disk is never changed under its guest": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["root"] = vm.Disk{Volume: "other"}
		}, "", "disks.root: not changed under it"},
		"memory is plugged in": {"running", func(in *VMInput, p *vm.Process) {
			p.Memory, p.Started.MemoryMax, in.Wish.Spec.Memory = 512*model.MiB, model.GiB, 768*model.MiB
			in.Wish.Spec.MemoryMax = model.GiB
			p.Started.Balloon = &yes
		}, "memory +256MiB of 768MiB", ""},
		"and taken back by the balloon": {"paused", func(in *VMInput, p *vm.Process) {
			p.Memory, p.Started.Balloon, in.Wish.Spec.Memory, in.Wish.Spec.Balloon = 512*model.MiB, &yes, 256*model.MiB, &yes
			in.Wish.Spec.Power = vm.Paused
		}, "memory +0B of 256MiB", ""},
		"without a place for it memory waits":        {"running", func(in *VMInput, p *vm.Process) { p.Memory, in.Wish.Spec.Memory = 512*model.MiB, model.GiB }, "", "memory: without memoryMax"},
		"without a balloon it is not given back":     {"running", func(in *VMInput, p *vm.Process) { p.Memory, in.Wish.Spec.Memory = 512*model.MiB, 256*model.MiB }, "", "memory: without a balloon"},
		"a QEMU of an older build keeps what it has": {"running", func(in *VMInput, _ *vm.Process) { in.Wish.Spec.Memory = model.GiB }, "", "memory: earlier build"},
		"vCPUs come with KVM": {"running", func(in *VMInput, p *vm.Process) {
			p.Started.CPUsMax, in.Wish.Spec.CPUsMax, in.Wish.Spec.CPUs, in.Last.Accelerator = 4, 4, 3, vm.KVM
		}, "cpus 3", ""},
		"and not without": {"running", func(in *VMInput, p *vm.Process) {
			p.Started.CPUsMax, in.Wish.Spec.CPUsMax, in.Wish.Spec.CPUs, in.Last.Accelerator = 4, 4, 3, vm.TCG
		}, "", "cpus: may end QEMU"},
		"nor beyond what it was started for": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.CPUs, in.Last.Accelerator = 3, vm.KVM
		}, "", "cpus: without cpusMax"},
		"a network card comes": {"running", func(in *VMInput, _ *vm.Process) { in.Wish.Spec.NICs["wan"] = vm.NIC{} }, "plug nic-wan", ""},
		"with its cable pulled": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.NICs["wan"] = vm.NIC{Link: vm.LinkDown}
		}, "plug nic-wan, link nic-wan down", ""},
		"a network card goes":      {"running", func(in *VMInput, _ *vm.Process) { delete(in.Wish.Spec.NICs, "lan") }, "unplug nic-lan", ""},
		"a cable is pulled":        {"running", func(in *VMInput, _ *vm.Process) { in.Wish.Spec.NICs["lan"] = vm.NIC{Link: vm.LinkDown} }, "link nic-lan down", ""},
		"up is what is in already": {"running", func(in *VMInput, _ *vm.Process) { in.Wish.Spec.NICs["lan"] = vm.NIC{Link: "up"} }, "", ""},
		"another address waits": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.NICs["lan"] = vm.NIC{MAC: "52:54:00:11:22:33"}
		}, "", "nics.lan: not changed under it"},
		"memory and CPUs wait for a place": {"running", func(in *VMInput, _ *vm.Process) { in.Wish.Spec.CPUs, in.Wish.Spec.Memory = 4, model.GiB }, "", "cpus: without cpusMax\nmemory: earlier build"},
		"a full board waits":               {"running", func(in *VMInput, p *vm.Process) { attach(in, p); p.Ports = 3 }, "", "disks.data: no slot"},
		"an older build left no slot": {"running", func(in *VMInput, p *vm.Process) { attach(in, p); p.Ports = 0 },
			"", "disks.data: earlier build"},
		"a disk on scsi takes a target that no drive has": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["data"] = vm.Disk{Volume: "web-data", Bus: vm.BusSCSI}
			in.Last.Pinned.Slots["scsi"], in.Last.Pinned.Targets = 4, map[string]int{"cd": 1}
		}, "plug disk-data", ""},
		"without the controller it waits": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["data"] = vm.Disk{Volume: "web-data", Bus: vm.BusSCSI}
		}, "", "disks.data: no controller of bus scsi"},
		"as a stick does": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["data"] = vm.Disk{Volume: "web-data", Bus: vm.BusUSB}
		}, "", "disks.data: no controller of bus usb"},
		"a stick comes to a full board": {"running", func(in *VMInput, p *vm.Process) {
			in.Wish.Spec.Disks["data"], p.Ports = vm.Disk{Volume: "web-data", Bus: vm.BusUSB}, 4
			in.Last.Pinned.Slots["usb-sticks"] = 4
		}, "plug disk-data", ""},
		"another bus waits": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["root"] = vm.Disk{Volume: "web-root", Bus: vm.BusSCSI}
			in.Last.Pinned.Slots["scsi"] = 4
		}, "", "disks.root: not changed under it"},
		"another order of booting waits, and the devices do not": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Boot = &vm.Boot{Order: []string{"lan", "root"}}
		}, "", "boot: while the VM runs"},
		"sound and USB wait": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Sound, in.Wish.Spec.USBController = vm.SoundICH9, &yes
		}, "", "sound: while the VM runs\nusbController: while the VM runs"},
		"what is begun and unknown is made sure of": {"running", func(in *VMInput, p *vm.Process) {
			attach(in, p)
			p.Started.Disks["data"], p.Changes = data, []vm.Change{{Path: "disks.data"}}
			in.Last.Pinned.Slots["disk/data"] = 6
		}, "plug disk-data", ""},
		"what is begun and not wished any more goes": {"running", func(_ *VMInput, p *vm.Process) {
			p.Started.Disks["data"], p.Changes = data, []vm.Change{{Path: "disks.data"}}
		}, "unplug disk-data", ""},
		"what is begun and wished otherwise goes first": {"running", func(in *VMInput, p *vm.Process) {
			attach(in, p)
			p.Started.Disks["data"], p.Changes = vm.Disk{Volume: "old"}, []vm.Change{{Path: "disks.data"}}
		}, "unplug disk-data", ""},
		"what the guest holds is left for a while": {"running", func(in *VMInput, p *vm.Process) {
			detach(in, p)
			p.Changes = []vm.Change{{Path: "disks.root", Why: "it is held", Again: noon.Add(time.Second)}}
		}, "", "disks.root: it is held"},
		"and then asked for again": {"running", func(in *VMInput, p *vm.Process) {
			detach(in, p)
			p.Changes = []vm.Change{{Path: "disks.root", Why: "it is held", Again: noon}}
		}, "unplug disk-root", ""},
		"and taken at once when the guest lets go": {"running", func(in *VMInput, p *vm.Process) {
			detach(in, p)
			in.Seen.Left = []string{"disk-root"}
			p.Changes = []vm.Change{{Path: "disks.root", Why: "it is held", Again: noon.Add(time.Hour)}}
		}, "unplug disk-root", ""},
		"what is to stop gets nothing": {"running", func(in *VMInput, p *vm.Process) { attach(in, p); in.Wish.Spec.Power = vm.Off }, "", "disks.data: about to"},
	})
}

// liveCase is a VM that runs, and what an edit of it comes to.
type liveCase struct {
	state string
	edit  func(*VMInput, *vm.Process)
	steps string
	waits string // path: words of why
}

func edited(t *testing.T, cases map[string]liveCase) {
	t.Helper()
	for name, c := range cases {
		in := started(c.state, c.edit)
		p, err := VM(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := lives(p.Steps); got != c.steps {
			t.Errorf("%s: steps %q, want %q", name, got, c.steps)
		}
		waits := LiveEdit(in, *in.Last.Process, in.Last.Pinned)
		if c.steps != "" {
			continue
		}
		var paths []string
		for _, line := range strings.Split(c.waits, "\n") {
			path, words, ok := strings.Cut(line, ": ")
			if ok {
				paths = append(paths, path)
			}
			if why := waits.Pending()[path]; !strings.Contains(why, words) {
				t.Errorf("%s: %s waits because %q", name, path, why)
			}
		}
		if got := slices.Sorted(maps.Keys(waits.Pending())); !slices.Equal(got, paths) {
			t.Errorf("%s: pending %v, want %v", name, got, paths)
		}
	}
}

// lives are the live steps, in words.
func lives(steps []Step) string {
	var out []string
	for _, s := range steps {
		if s.Edit == nil {
			continue
		}
		what := string(s.Kind) + " " + s.Edit.Device.Device
		if r := s.Edit.Room; r != nil {
			what = fmt.Sprintf("%s +%s of %s", s.Kind, model.Bytes(r.More), model.Bytes(r.Balloon))
		} else if s.Edit.CPUs > 0 {
			what = fmt.Sprintf("%s %d", s.Kind, s.Edit.CPUs)
		} else if q := s.Edit.Limits; q != nil {
			what = fmt.Sprintf("%s %s iops=%d/%ds%d bps=%d/%ds%d", s.Kind, q.ID, q.IOPS, q.IOPSMax, q.IOPSMaxLength, q.BPS, q.BPSMax, q.BPSMaxLength)
		}
		if s.Kind == Pin {
			what = fmt.Sprintf("pin %v", s.Edit.Pins.Used())
		}
		if s.Edit.Device.Thread != "" {
			what += " " + s.Edit.Device.Thread
		}
		if s.Edit.Down {
			what += " down"
		}
		out = append(out, what)
	}
	return strings.Join(out, ", ")
}

func TestTwoDisksThatComeAtOnceGetTwoSlotsAndTheirOwnFiles(t *testing.T) {
	p, err := VM(started("running", func(in *VMInput, _ *vm.Process) {
		in.Wish.Spec.Disks["data"], in.Wish.Spec.Disks["more"] = vm.Disk{Volume: "d"}, vm.Disk{Volume: "m", ReadOnly: true}
	}))
	if err != nil || len(p.Steps) != 2 {
		t.Fatalf("%v %+v", err, p.Steps)
	}
	for i, want := range []struct {
		slot     int
		bus      string
		file     string
		readOnly bool
	}{{4, "rp4", "data.qcow2", false}, {5, "rp5", "more.qcow2", true}} {
		e := p.Steps[i].Edit
		var device struct{ Driver, Bus, Drive string }
		var node struct {
			Driver   string
			ReadOnly bool `json:"read-only"`
		}
		mustDecode(t, e.Device.Add, &device)
		mustDecode(t, e.Device.Nodes[1].Add, &node)
		if e.Slot != want.slot || device.Bus != want.bus || e.File.Volume != want.file || e.File.ReadOnly != want.readOnly ||
			node.ReadOnly != want.readOnly || node.Driver != "qcow2" || device.Drive != e.Device.Nodes[1].Name || device.Driver != "virtio-blk-pci" {
			t.Errorf("%d: slot %d, %+v on %+v, file %+v", i, e.Slot, device, node, e.File)
		}
	}
}

func mustDecode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func TestACableIsPulledBeforeTheGuestRuns(t *testing.T) {
	p, err := VM(input(func(in *VMInput) { in.Wish.Spec.NICs = map[string]vm.NIC{"lan": {Link: vm.LinkDown}} }))
	if err != nil || kinds(p) != "launch attach link continue" {
		t.Fatalf("%s %v", kinds(p), err)
	}
	if started := p.Steps[0].Start.Spec; started.NICs["lan"].Link != "" {
		t.Error("what is written down says that it is out before it is")
	}
	if e := p.Steps[2].Edit; e.Device.Device != (qmp.Hotplug{Device: "nic-lan"}).Device || !e.Down {
		t.Errorf("%+v", e)
	}
}
