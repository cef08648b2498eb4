package reconcile

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// asStarted refuses a set that would not be of what QEMU has: a layer that one volume gets in the store and another in QEMU would
// be the end of both.
func (r *vmRun) asStarted(t taking) error {
	if !t.live {
		if t.set.Memory {
			return fault.New(fault.Precondition, "it does not run any more, so there is no memory to save").
				Try("leave --memory out, or hv vm start %s", r.in.Wish.Name).WithCode("HV-SNAP-022")
		}
		return nil
	}
	why := r.status.Process.Differs(r.in.Effective)
	if why == "" {
		return nil
	}
	return fault.New(fault.Precondition, "%s", why).Try("hv vm stop %s, and take it then", r.in.Wish.Name).WithCode("HV-SNAP-026")
}

// writtenTo is the layer of a chain that QEMU writes to, by what it says of it. A chain may have layers above that one: of a set that
// failed, and empty.
func writtenTo(chain []storage.Layer, head string) (storage.Layer, bool) {
	if head == "" { // of the one layer that it was started with
		return chain[0], true
	}
	i := slices.IndexFunc(chain, func(l storage.Layer) bool { return strings.HasPrefix(strings.ReplaceAll(l.ID, "-", ""), head) })
	if i < 0 {
		return storage.Layer{}, false
	}
	return chain[i], true
}

// unswitched reports whether a living QEMU writes to just what was below the layer of a set that failed, and nothing stands on that.
// Of any other disk the layer stays, and is right: where nothing was written to it it reads as what is below. Whether a process
// that is gone has written to it nobody can tell.
func (r *vmRun) unswitched(t taking, d diskOf, heads map[string]string) bool {
	p, layer := r.status.Process, t.set.Disks[d.device]
	head, has := heads[machine.DiskDevice(d.device)]
	if !t.live || !has || p.Started == nil || p.Started.Disks[d.device].Volume != d.volume.Name || len(layer.Layers) == 0 {
		return false
	}
	on, ok := writtenTo(d.volume.Chain(), head)
	return ok && on.ID == layer.Top().ID && d.volume.Head().ID == layer.Overlay
}

// overlays opens the files of new layers and of those below them.
func (r *vmRun) overlays(ctx context.Context, t taking) (files []*os.File, overlays []qmp.Overlay, err error) {
	heads, err := r.Hypervisor.Heads(ctx, r.in.Wish.Spec.UUID)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range t.disks {
		chain := d.next.Chain()
		i := slices.IndexFunc(chain, func(l storage.Layer) bool { return l.ID == t.set.Disks[d.device].Overlay })
		below, ok := writtenTo(chain[:i+1], heads[machine.DiskDevice(d.device)])
		if !ok {
			return files, nil, fault.New(fault.Precondition, "disk %s: QEMU writes to another layer than its volume %q has", d.device, d.volume.Name).
				Try("hv vm stop %s, and take it then", r.in.Wish.Name).WithCode("HV-SNAP-026")
		}
		if below.ID == chain[i].ID { // it has gone through before
			if t.set.Memory {
				return files, nil, fault.New(fault.Precondition, "it was cut off between its disks and its memory, which would be of another moment").
					Try("take it again").WithCode("HV-SNAP-012")
			}
			below = chain[i-1]
		}
		for n, l := range []storage.Layer{chain[i], below} {
			f, err := r.Volumes.Open(ctx, l.Pool, l.File(), n > 0)
			if err != nil {
				return files, nil, err
			}
			files = append(files, f)
		}
		slot := 0
		if p := r.status.Pinned; p != nil {
			slot = p.Slots[machine.SlotOf("disks", d.device)]
		}
		overlays = append(overlays, qmp.Overlay{Device: machine.DiskDevice(d.device), Slot: slot, Layer: chain[i].ID, Key: chain[i].Key, IO: qmp.DiskIO(r.startedDisk(d.device).DiskIO)})
	}
	for _, key := range qmp.OverlayKeys(overlays) {
		f, err := r.Keys.File(ctx, key)
		if err != nil {
			return files, nil, err
		}
		files = append(files, f)
	}
	return files, overlays, nil
}
