package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Edit is what a live step needs to change one device of a VM that runs.
type Edit struct {
	Path   string      `json:"path"` // "disks.data"
	Device qmp.Hotplug `json:"device,omitzero"`
	File   *File       `json:"file,omitempty"`  // of a medium, or of a disk that is plugged in: what is written to
	Below  []File      `json:"below,omitempty"` // the layers below that, base first
	Keys   []File      `json:"keys,omitempty"`  // what opens them, where they are encrypted
	Slot   int         `json:"slot,omitempty"`
	Down   bool        `json:"down,omitempty"`   // of a link
	Force  bool        `json:"force,omitempty"`  // of a medium: also where the guest holds it
	Room   *qmp.Room   `json:"room,omitempty"`   // of memory
	CPUs   int         `json:"cpus,omitempty"`   // of vCPUs: how many there are to be
	Limits *qmp.Limits `json:"limits,omitempty"` // of a disk: what it may do in a second
	Pins   *vm.Pinning `json:"pins,omitempty"`   // of a pin: where threads run; nil is anywhere
}

// Live is what makes a VM that has a process what its spec has become since: the steps for what QEMU can do
// while it runs, and the rest, which takes effect at the next start.
type Live struct {
	Steps []Step
	Waits map[string]string // JSON path → why it has to wait
	Until time.Time         // when to look again for what was tried in vain; zero for never
}

// LiveEdit compares what a process was started with, and what has been changed since, with what is wished.
// pinned is where its devices sit.
func LiveEdit(in VMInput, process vm.Process, pinned *vm.Pinned) Live {
	l := liveEdit{in: in, process: process, pinned: pinned, Live: Live{Waits: map[string]string{}}}
	if process.Started == nil {
		return l.Live
	}
	paths := vm.NeedRestart(*process.Started, in.Effective)
	for _, c := range process.Changes {
		paths = append(paths, c.Path)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		switch kind, name, _ := strings.Cut(path, "."); kind {
		case "disks":
			l.disk(path, name)
		case "nics":
			l.nic(path, name)
		case "cdroms":
			l.cdrom(path, name)
		case "memory":
			l.memory(path)
		case "cpus":
			l.cpus(path)
		case pinPath: // after all others
		default:
			l.Waits[path] = "QEMU cannot change it while the VM runs"
		}
	}
	l.pin()
	return l.Live
}

// Pending are the JSON paths of what is not as wished yet, and why.
func (l Live) Pending() map[string]string {
	all := maps.Clone(l.Waits)
	for _, s := range l.Steps {
		all[s.Edit.Path] = "it is about to be done"
	}
	return all
}

// PendingFinding tells who edits a VM that runs that something of it has to wait, and why.
func PendingFinding(name, path, why string) finding.Finding {
	return finding.Finding{
		Code: "HV-VM-061", Severity: finding.Limited, Subject: []string{"vm/" + name}, Path: path,
		What: path + " takes effect at the next start: pending restart", Why: why,
		Remedy: "hv vm stop " + name + ", then hv vm start " + name,
	}
}

type liveEdit struct {
	Live
	in      VMInput
	process vm.Process
	pinned  *vm.Pinned
	taken   map[string]int // slots that steps before have taken
}

func (l *liveEdit) disk(path, name string) {
	has, had := l.process.Started.Disks[name]
	want, wished := l.in.Effective.Disks[name]
	same := had && wished && sameDisk(has, want, l.in.Wish.Spec.Disks[name])
	_, begun := l.process.Change(path)
	switch {
	case same && !begun:
		if has.Limits != want.Limits {
			l.Steps = append(l.Steps, throttleStep(path, name, want.Limits))
		}
	case had && has.Bus == vm.BusSATA || wished && want.Bus == vm.BusSATA:
		l.Waits[path] = "a disk on bus sata comes and goes with a start of the VM alone"
	case !l.due(path):
	case wished && (!had || same):
		l.plugDisk(path, name, want)
	case had && wished && !begun:
		l.Waits[path] = "a disk that the guest has is not changed under it; detach it, then attach it anew, or restart the VM"
	default: // wished away, or one that was begun and is another now
		h := machine.DiskUnplug(name, l.slot("disks", name))
		h.Thread = l.idleWithout(name)
		l.unplug(path, "detach disk "+name, h)
	}
}

// sameDisk compares a disk that a guest has with the wished one, but for its limits, which change under it. A turn in the order of booting that
// nobody has given is no difference: it moves with the other disks' names.
func sameDisk(has, want, written vm.Disk) bool {
	if written.BootIndex == 0 {
		has.BootIndex, want.BootIndex = 0, 0
	}
	has.Limits, want.Limits = vm.DiskLimits{}, vm.DiskLimits{}
	return has == want
}

func (l *liveEdit) plugDisk(path, name string, d vm.Disk) {
	slot, ok := l.freePlace(path, name, d.Bus)
	if !ok {
		return
	}
	v, there := l.in.Volumes[name]
	if !there {
		l.Waits[path] = "there is no volume " + d.Volume
		return
	}
	h, access := machine.HotplugDisk(l.pinned.MachineType, name, d, l.in.consistsOf(v), slot)
	var files []File
	for i, layer := range v.Chain() {
		files = append(files, File{
			Name: h.Device, Source: FromVolume, Volume: layer.File(), Pool: layer.Pool, ReadOnly: access[i] == machine.ReadOnly,
		})
	}
	head := len(files) - 1
	var keys []File
	for _, key := range h.Keys {
		keys = append(keys, File{Name: machine.SecretOf(key), Source: FromKey, Key: key, ReadOnly: true})
	}
	l.Steps = append(l.Steps, Step{
		Kind: Plug, Name: fmt.Sprintf("attach disk %s (volume %s)", name, d.Volume),
		Edit: &Edit{Path: path, Device: h, Slot: slot, File: &files[head], Below: files[:head], Keys: keys},
	})
	if d.Limits != (vm.DiskLimits{}) {
		l.Steps = append(l.Steps, throttleStep(path, name, d.Limits))
	}
}

func (l *liveEdit) nic(path, name string) {
	has, had := l.process.Started.NICs[name]
	want, wished := l.in.Effective.NICs[name]
	_, begun := l.process.Change(path)
	if had && wished && l.in.Wish.Spec.NICs[name].BootIndex == 0 { // as with disks
		want.BootIndex = has.BootIndex
	}
	cable := has
	cable.Link = want.Link // all but the cable
	switch {
	case !l.due(path):
	case had && wished && !begun && cable == want: // the same card
		if down := want.Link == vm.LinkDown; down != (has.Link == vm.LinkDown) {
			l.Steps = append(l.Steps, linkStep(path, name, down))
		}
	case had && wished && !begun:
		l.Waits[path] = "a network card that the guest has is not changed under it; detach it, then attach it anew, or restart the VM"
	case wished && (!had || cable == want):
		l.plugNIC(path, name, want)
	default:
		l.unplug(path, "detach network card "+name, machine.NICUnplug(name))
	}
}

func (l *liveEdit) plugNIC(path, name string, n vm.NIC) {
	slot, ok := l.freeSlot(path, "nics", name)
	if !ok {
		return
	}
	l.Steps = append(l.Steps, Step{
		Kind: Plug, Name: "attach network card " + name,
		Edit: &Edit{Path: path, Device: machine.HotplugNIC(l.pinned.MachineType, name, n, l.in.Effective.Firmware, slot), Slot: slot},
	})
	if n.Link == vm.LinkDown {
		l.Steps = append(l.Steps, linkStep(path, name, true))
	}
}

// linkStep pulls the cable of a network card, or plugs it in.
func linkStep(path, name string, down bool) Step {
	what := "plug in the cable of network card "
	if down {
		what = "pull the cable of network card "
	}
	return Step{Kind: Link, Name: what + name, Edit: &Edit{Path: path, Device: machine.NICUnplug(name), Down: down}}
}

// links are the steps for the cables that are pulled before a VM runs for the first time.
func links(s vm.Spec) []Step {
	var steps []Step
	for _, name := range slices.Sorted(maps.Keys(s.NICs)) {
		if s.NICs[name].Link == vm.LinkDown {
			steps = append(steps, linkStep("nics."+name, name, true))
		}
	}
	return steps
}

// atFirst is what QEMU starts with: it has every cable in until it is told to pull it, its disks do what they can, and
// its threads run anywhere.
func atFirst(s vm.Spec) vm.Spec {
	s = s.Unlimited().Unpinned()
	for name, n := range s.NICs {
		n.Link = ""
		s.NICs[name] = n
	}
	return s
}

// unplug needs the guest, which has to let go of the device.
func (l *liveEdit) unplug(path, what string, h qmp.Hotplug) {
	if l.in.Seen.RunState != "running" {
		l.Waits[path] = "the guest has to run to let go of it"
		return
	}
	l.Steps = append(l.Steps, Step{Kind: Unplug, Name: what, Edit: &Edit{Path: path, Device: h}})
}

// due reports whether a device is to be changed now: what was tried in vain is left for a while, unless
// the guest has let go of it since.
func (l *liveEdit) due(path string) bool {
	c, begun := l.process.Change(path)
	if !begun || c.Why == "" || !l.in.Now.Before(c.Again) || slices.Contains(l.in.Seen.Left, deviceAt(path)) {
		return true
	}
	l.Waits[path] = c.Why
	if l.Until.IsZero() || c.Again.Before(l.Until) {
		l.Until = c.Again
	}
	return false
}

func deviceAt(path string) string {
	kind, name, _ := strings.Cut(path, ".")
	switch kind {
	case "nics":
		return machine.NICDevice(name)
	case "cdroms":
		return machine.CDROMDevice(name)
	}
	return machine.DiskDevice(name)
}

// slot is where a device sits.
func (l *liveEdit) slot(kind, name string) int {
	if l.pinned == nil {
		return 0
	}
	return l.pinned.Slots[machine.SlotOf(kind, name)]
}

// freeSlot finds a slot for a new device: that in which it was begun to be plugged, or the lowest free one.
func (l *liveEdit) freeSlot(path, kind, name string) (int, bool) {
	if l.pinned == nil || l.process.Ports == 0 {
		l.Waits[path] = "this QEMU was started without a free slot by an earlier build"
		return 0, false
	}
	if _, begun := l.process.Change(path); begun {
		if n := l.slot(kind, name); n > 0 {
			return n, true
		}
	}
	n, ok := machine.FreeSlot(l.places(), l.process.Ports)
	if !ok {
		l.Waits[path] = "no slot of its board is free; the next start makes more"
		return 0, false
	}
	l.taken[machine.SlotOf(kind, name)] = n
	return n, true
}

// places are those that are taken, by what is pinned and by what steps before have taken.
func (l *liveEdit) places() map[string]int {
	if l.taken == nil {
		l.taken = maps.Clone(l.pinned.Slots)
		if l.taken == nil {
			l.taken = map[string]int{}
		}
	}
	return l.taken
}

// freePlace finds a place for a new disk: a unit of its bus, or a slot of the board.
func (l *liveEdit) freePlace(path, name, bus string) (int, bool) {
	if !machine.HasUnits(bus) || l.pinned == nil {
		return l.freeSlot(path, "disks", name)
	}
	if _, begun := l.process.Change(path); begun {
		if n := l.slot("disks", name); n > 0 {
			return n, true
		}
	}
	n, none := machine.FreeUnit(bus, vm.Pinned{Slots: l.places(), Targets: l.pinned.Targets})
	if none != "" {
		l.Waits[path] = none
		return 0, false
	}
	l.taken[machine.SlotOf("disks", name)] = n
	return n, true
}
