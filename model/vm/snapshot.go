package vm

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// MaxSnapshots is how many sets of one VM there may be.
const MaxSnapshots = 256

// Snapshot is a set: all disks of a VM, and what else it is made of, as they were at one moment. Its name is below that of
// its VM. What it holds never changes.
type Snapshot struct {
	model.Metadata
	VM          string        `json:"vm"` // the VM's UUID
	Description string        `json:"description,omitempty"`
	Memory      bool          `json:"memory,omitempty"` // its memory and devices are in it: it goes on where it was
	Quiesce     Quiesce       `json:"quiesce,omitempty"`
	Scheduled   bool          `json:"scheduled,omitempty"` // its VM's schedule has taken it, by whose rules it goes
	Protected   bool          `json:"protected,omitempty"` // it does not go before somebody says otherwise
	Phase       SnapshotPhase `json:"phase,omitempty"`
	// Disks are the disks that it had, by device.
	Disks map[string]SnapshotDisk `json:"disks"`
	Taken *Taken                  `json:"taken,omitempty"` // nil until it is whole
	// Clones are volumes that are to begin as the one disk is at that moment. It is taken for nothing else: it is gone when they are there.
	Clones []SnapshotClone `json:"clones,omitempty"`
}

// SnapshotClone is one volume that is made of what a VM that runs writes to.
type SnapshotClone struct {
	Name   string            `json:"name"`
	UID    string            `json:"uid"` // the volume's, and its layer's
	Labels map[string]string `json:"labels,omitempty"`
}

// SnapshotDisk is one disk of a set.
type SnapshotDisk struct {
	Volume    string `json:"volume"`
	VolumeUID string `json:"volumeUID"`
	// Overlay is the ID of the layer that is written to since.
	Overlay string `json:"overlay"`
	// Layers are what it consisted of, base first; none until it is known.
	Layers []storage.Layer `json:"layers,omitempty"`
	// Frozen: others stood on its head then, as on a volume's.
	Frozen bool `json:"frozen,omitempty"`
}

// Top is the layer that was written to last; it is the set's own as long as nothing else stands on it.
func (d SnapshotDisk) Top() storage.Layer {
	if len(d.Layers) == 0 {
		return storage.Layer{}
	}
	return d.Layers[len(d.Layers)-1]
}

// SnapshotPhase says what is being done with a set.
type SnapshotPhase string

// The phases of a set; one that is whole has none.
const (
	SnapshotTaking   SnapshotPhase = "taking"
	SnapshotDeleting SnapshotPhase = "deleting"
)

// Quiesce says whether the guest is asked to write out what it holds back before a set is taken.
type Quiesce string

// The ways to quiesce.
const (
	QuiesceAuto Quiesce = "auto" // where its agent answers
	QuiesceYes  Quiesce = "yes"  // or no set is taken
	QuiesceNo   Quiesce = "no"
)

// Taken is what is known of a set that is whole.
type Taken struct {
	At       time.Time     `json:"at"`
	State    State         `json:"state"` // of the VM at that moment
	Quiesced bool          `json:"quiesced,omitempty"`
	Note     string        `json:"note,omitempty"`   // why it was not, where it was to be
	Pause    time.Duration `json:"pause,omitempty"`  // how long the guest stood still for it, in nanoseconds
	NVRAM    bool          `json:"nvram,omitempty"`  // its firmware's variables are in it
	Secure   bool          `json:"secure,omitempty"` // they are those of a firmware with Secure Boot
	TPM      TakenTPM      `json:"tpm,omitempty"`    // what its TPM keeps is in it
	Memory   *Saved        `json:"memory,omitempty"`
	// Volumes are the UIDs of all volumes that a guest in memory knew, by "disks.root" and "cdroms.cd".
	Volumes map[string]string `json:"volumes,omitempty"`
}

// TakenTPM says what a set holds of a TPM.
type TakenTPM string

// What a set may hold of a TPM; empty for a VM that had none.
const (
	TPMKept TakenTPM = "kept"
	TPMNew  TakenTPM = "new" // it was never used
)

// Whole reports whether a set can be gone back to.
func (s Snapshot) Whole() bool { return s.Phase == "" && s.Taken != nil }

// Devices are the disks of a set, in order.
func (s Snapshot) Devices() []string {
	names := make([]string, 0, len(s.Disks))
	for name := range s.Disks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// SnapshotTree is how the sets of a VM stand on one another.
type SnapshotTree struct {
	Parent  map[string]string // set → the set that it was taken on; absent for none
	Current string            // the set that the VM stands on; empty for none
}

// Tree finds out how sets stand on one another: by their layers, which cannot be out of step with anything. chains are
// those of the VM's volumes now, by volume UID.
func Tree(sets []Snapshot, chains map[string][]storage.Layer) SnapshotTree {
	t := SnapshotTree{Parent: map[string]string{}}
	for _, s := range sets {
		below := map[string][]storage.Layer{}
		for _, d := range s.Disks {
			below[d.VolumeUID] = d.Layers[:max(len(d.Layers)-1, 0)]
		}
		if p := nearest(sets, below, s.Name); p != "" {
			t.Parent[s.Name] = p
		}
	}
	under := map[string][]storage.Layer{}
	for uid, chain := range chains {
		under[uid] = chain[:max(len(chain)-1, 0)]
	}
	t.Current = nearest(sets, under, "")
	return t
}

// nearest returns the set whose own layers lie highest in chains; the newest, where two are the same.
func nearest(sets []Snapshot, chains map[string][]storage.Layer, not string) string {
	best, at, name := -1, time.Time{}, ""
	for _, s := range sets {
		if s.Name == not || s.Taken == nil {
			continue
		}
		for _, d := range s.Disks {
			top := d.Top().ID
			i := slices.IndexFunc(chains[d.VolumeUID], func(l storage.Layer) bool { return l.ID == top })
			if i >= 0 && (i > best || i == best && s.Taken.At.After(at)) {
				best, at, name = i, s.Taken.At, s.Name
			}
		}
	}
	return name
}

// SortSnapshots puts the oldest first.
func SortSnapshots(sets []Snapshot) {
	slices.SortFunc(sets, func(a, b Snapshot) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
}

// CheckSnapshot returns what is wrong with the name of a set and what is said of it.
func CheckSnapshot(name, description string, q Quiesce) []error {
	var errs []error
	if err := model.CheckName("snapshot name", name); err != nil {
		errs = append(errs, err)
	}
	if len(description) > 1024 {
		errs = append(errs, fault.New(fault.Invalid, "a description of %d bytes; 1024 is the most", len(description)))
	}
	if q != "" && q != QuiesceAuto && q != QuiesceYes && q != QuiesceNo {
		errs = append(errs, fault.New(fault.Invalid, "quiesce %.20q is none of auto, yes, no", string(q)))
	}
	return errs
}

// Differs says what of a process's disks is not as a spec has them, or not known; empty for nothing.
func (p *Process) Differs(now Spec) string {
	if p.Started == nil {
		return "nobody knows what QEMU was started with"
	}
	if len(p.Changes) > 0 {
		return "a change of " + p.Changes[0].Path + " was begun and is not settled"
	}
	was, is := p.Started.Volumes(), now.Volumes()
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if w, ok := was[name]; !ok || w.Volume != is[name].Volume || w.ReadOnly != is[name].ReadOnly {
			return name + " waits for a restart: QEMU has another there"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[name]; !ok {
			return name + " waits for a restart: QEMU has it still"
		}
	}
	return ""
}

// StartedNow is what the process in memory was started with, under the names that its volumes have now. It goes on only with
// those: uid tells which volume a name is of. A guest does not see that another is there.
func (s Snapshot) StartedNow(now Spec, uid func(name string) (string, error)) (Spec, error) {
	started := *s.Taken.Memory.Process.Started
	is := now.Volumes()
	disks, drives := maps.Clone(started.Disks), maps.Clone(started.CDROMs)
	for path, was := range started.Volumes() {
		want := s.Taken.Volumes[path]
		name := strings.TrimPrefix(path, "disks.")
		if d, ok := s.Disks[name]; ok && name != path {
			want = d.VolumeUID
		}
		has, err := uid(is[path].Volume)
		if err != nil {
			return started, err
		}
		if d, ok := is[path]; !ok || want == "" || has != want || d.ReadOnly != was.ReadOnly {
			return started, fault.New(fault.Precondition, "%s is not what the guest in the memory of snapshot %q knows (volume %s)", path, s.Name, was.Volume).
				Try("put it back as it was: hv vm edit").WithCode("HV-SNAP-010")
		}
		if drive, ok := strings.CutPrefix(path, "cdroms."); ok {
			d := drives[drive]
			d.Volume = is[path].Volume
			drives[drive] = d
			continue
		}
		d := disks[name]
		d.Volume = is[path].Volume
		disks[name] = d
	}
	started.Disks, started.CDROMs = disks, drives
	return started, nil
}
