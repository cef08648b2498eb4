package view

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applySnapshot(r store.Ref, ev store.Event, gone bool) error {
	uuid, name, _ := strings.Cut(r.Name, ".")
	if gone {
		delete(v.sets[uuid], name)
		if len(v.sets[uuid]) == 0 {
			delete(v.sets, uuid)
		}
		return nil
	}
	s, err := store.Decode[vm.Snapshot](ev.KV)
	if err != nil {
		return err
	}
	if v.sets[uuid] == nil {
		v.sets[uuid] = map[string]vm.Snapshot{}
	}
	v.sets[uuid][name] = s
	return nil
}

func (v *View) applySchedule(ref model.Ref, ev store.Event, gone bool) error {
	e := v.statused(ref, gone)
	if e == nil {
		return nil
	}
	e.schedule = nil
	if !gone {
		st, err := store.Decode[vm.ScheduleStatus](ev.KV)
		if err != nil {
			return err
		}
		e.schedule = &st
	}
	return nil
}

// scheduled is what became of a VM's schedule, and when it is due next; nil for a VM that has none.
func (v *View) scheduled(e *vmEntry) *vm.ScheduleStatus {
	s := e.object.Spec.Snapshots
	if s == nil {
		return nil
	}
	out := vm.ScheduleStatus{VM: e.object.UID, For: s.Key()}
	if e.schedule != nil && e.schedule.VM == e.object.UID {
		out = *e.schedule
	}
	zone := v.Zone
	if zone == nil {
		zone = time.UTC
	}
	if next := s.Next(v.Now(), zone); !next.IsZero() {
		out.Next = &next
	}
	return &out
}

// missing tells that a VM's schedule does not do what it is there for.
func missing(name string, st *vm.ScheduleStatus) (found finding.List) {
	say := func(code, what, why, remedy string) {
		found = append(found, finding.Finding{Code: code, Severity: finding.Limited, Subject: []string{"vm/" + name}, What: what, Why: why, Remedy: remedy})
	}
	if st == nil {
		return nil
	}
	if run := st.Last; run != nil && run.State == vm.ScheduledFailed {
		say("HV-SNAP-030", "the snapshot that was due at "+run.Due.Format(time.RFC3339)+" was not taken", run.Why, cmp.Or(run.Try, "hv snapshot create "+name+" says what is in the way"))
	}
	if run := st.Skipped; run != nil && st.Last != nil && st.Last.State == vm.ScheduledTaking {
		say("HV-SNAP-031", "the snapshot that was due at "+run.Due.Format(time.RFC3339)+" was left out", run.Why, "hv operation show "+st.Last.Operation)
	}
	if st.Prune != "" {
		say("HV-SNAP-032", "snapshots that its schedule does not keep are not deleted", st.Prune, "hv snapshot prune "+name)
	}
	return found
}

// Snapshots lists the sets of a VM, with what their own layers take now.
func (v *View) Snapshots(ctx context.Context, ref model.Ref) (wire.Snapshots, error) {
	v.mu.RLock()
	e := v.vms[ref]
	if e == nil || e.object.Name == "" {
		v.mu.RUnlock()
		return wire.Snapshots{}, notFound("VM", ref.String(), "hv vm list")
	}
	sets := slices.Collect(maps.Values(v.sets[e.object.Spec.UUID]))
	sets = slices.DeleteFunc(sets, func(s vm.Snapshot) bool { return len(s.Clones) > 0 }) // nobody's: it goes with what it is taken for
	schedule := v.scheduled(e)
	chains := map[string][]storage.Layer{}
	for _, d := range e.object.Spec.Disks {
		if vol := v.volumes[model.Ref{Project: ref.Project, Name: d.Volume}]; vol != nil {
			chains[vol.volume.UID] = vol.volume.Chain()
		}
	}
	v.mu.RUnlock()
	vm.SortSnapshots(sets)
	tree := vm.Tree(sets, chains)
	out := wire.Snapshots{Items: []wire.Snapshot{}, Current: tree.Current, Schedule: schedule}
	for _, s := range sets {
		one := wireSnapshot(s)
		one.Parent, one.Current = tree.Parent[s.Name], s.Name == tree.Current
		for device, d := range s.Disks {
			w := wire.SnapshotDisk{Volume: d.Volume, Size: d.Top().Size, Layers: len(d.Layers)}
			if len(d.Layers) > 0 && v.Allocated != nil {
				if n, err := v.Allocated(ctx, storage.Volume{Spec: storage.VolumeSpec{Pool: d.Top().Pool}, File: d.Top().File()}); err == nil {
					w.Exclusive = n
				}
			}
			one.Disks[device] = w
		}
		out.Items = append(out.Items, one)
	}
	return out, nil
}

func wireSnapshot(s vm.Snapshot) wire.Snapshot {
	one := wire.Snapshot{
		Name: s.Name, UID: s.UID, State: "ready", Description: s.Description, Scheduled: s.Scheduled, Protected: s.Protected, Created: s.Created, Disks: map[string]wire.SnapshotDisk{},
	}
	if s.Phase != "" {
		one.State = string(s.Phase)
	}
	if t := s.Taken; t != nil {
		one.Taken, one.VMState, one.NVRAM, one.Quiesced, one.Note = &t.At, t.State, t.NVRAM, t.Quiesced, t.Note
		if t.Pause > 0 {
			one.Pause = t.Pause.String()
		}
		if t.Memory != nil {
			one.Memory = t.Memory.Bytes
		}
	}
	return one
}
