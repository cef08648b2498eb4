package plan

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// SnapshotAsk is what is known of a VM of which a snapshot is asked for.
type SnapshotAsk struct {
	VM     vm.Object
	Power  vm.PowerStatus
	Memory bool // its memory is to be in it
	Have   int  // snapshots that there are
	// Disks are the volumes that it is written to, none of those that are only read; Layered says which of their pools keep layers.
	Disks   []storage.Volume
	Layered map[string]bool
	// Free is what is free where memory is saved; nil where nobody knows.
	Free *model.Bytes
}

// Refuses says what of a VM cannot be in a set: asked first, so that nothing is half done.
func (a SnapshotAsk) Refuses() (found finding.List) {
	o, st := a.VM, a.Power
	add := func(code, what, remedy string) {
		found = append(found, finding.Finding{Code: code, Severity: finding.Refused, Subject: []string{"vm/" + o.Name}, What: what, Remedy: remedy})
	}
	if st.Saved != nil {
		add("HV-SNAP-021", "it is suspended: its memory is in a file, which disks of another moment would contradict", "hv vm start "+o.Name+", then take it")
	}
	if a.Memory && st.State != vm.StateRunning {
		add("HV-SNAP-022", "it does not run, so there is no memory to save", "leave --memory out, or hv vm start "+o.Name)
	}
	if now, _ := st.WithNames(o.Renames); now.Process != nil {
		if why := now.Process.Differs(o.Spec); why != "" {
			add("HV-SNAP-026", why, "hv vm stop "+o.Name+", and take it then")
		}
	}
	if now := st.Process; a.Memory && now != nil && now.Started != nil && len(now.Started.Shares) > 0 {
		add("HV-SNAP-027", "it has folders of the host open by virtiofs: its memory cannot be saved, for what it has open there would be no more", "leave --memory out, or take shares out of its spec and start it anew")
	}
	if a.Have >= vm.MaxSnapshots {
		add("HV-SNAP-025", fmt.Sprintf("it has %d snapshots, and more are not kept", a.Have), "delete some: hv snapshot list "+o.Name)
	}
	if len(a.Disks) == 0 {
		add("HV-SNAP-020", "it has no disk that it writes to", "give it one: hv vm edit "+o.Name)
	}
	for _, v := range a.Disks {
		if !a.Layered[v.Head().Pool] {
			add("HV-SNAP-023", "pool "+v.Head().Pool+" keeps no layers that stand on others", "move volume "+v.Name+" to a pool of kind dir")
		}
	}
	if need := a.memory(); a.Free != nil && need > *a.Free {
		add("HV-SNAP-028", fmt.Sprintf("%s are free where memory is saved, and up to %s may be needed", *a.Free, need), "make room on the disk of hvd's state folder, or leave --memory out")
	}
	return found
}

// emptyLayer is what a layer takes that nothing is written to yet: its header and its two tables.
const emptyLayer = 3 * 64 * model.KiB

// Room is what a set takes at once at most, and what it may come to: everything that is in it stays, whatever is written since.
func (a SnapshotAsk) Room() (once, most model.Bytes) {
	once = a.memory() + emptyLayer*model.Bytes(len(a.Disks))
	most = once
	for _, v := range a.Disks {
		most += v.Spec.Size
	}
	return once, most
}

func (a SnapshotAsk) memory() model.Bytes {
	if !a.Memory {
		return 0
	}
	if p := a.Power.Process; p != nil && p.Started != nil {
		return SavedRoom(*p.Started)
	}
	full, _ := vm.Effective(a.VM.Spec, a.VM.Spec.Arch)
	return SavedRoom(full)
}
