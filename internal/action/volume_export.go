package action

import (
	"context"
	"errors"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// ExportFormats are what a volume can be exported as.
var ExportFormats = []string{"raw", "qcow2", "vmdk", "vmdk-stream", "vhdx"}

// OpenVolume says whether the caller may read a volume's content now, and records it. Until done is called nobody writes to
// the volume: a VM that uses it is started after that. It makes no operation: who reads it waits for it.
func (a *Actions) OpenVolume(ctx context.Context, call Call, ref model.Ref, format string) (v storage.Volume, done func(), err error) {
	if format != "" && !slices.Contains(ExportFormats, format) {
		err := fault.New(fault.Invalid, "format %.20q is none of raw, qcow2, vmdk, vmdk-stream, vhdx", format)
		a.refused(ctx, call, VolumeExport, volumeTarget(ref), err)
		return v, nil, err
	}
	return a.reading(ctx, call, VolumeExport, ref, false)
}

// OpenCheck is OpenVolume for who looks whether a volume's files are in order. To repair them nobody may stand on them.
func (a *Actions) OpenCheck(ctx context.Context, call Call, ref model.Ref, repair bool) (v storage.Volume, done func(), err error) {
	return a.reading(ctx, call, VolumeCheck, ref, repair)
}

// Checked notes what a check has found.
func (a *Actions) Checked(ctx context.Context, v storage.Volume, found storage.VolumeCheck) (storage.VolumeCheck, error) {
	found.At = a.Now()
	ref := store.Ref{Kind: "volume", Project: v.Project, Name: v.Name}
	op, err := store.PutJSON(store.StatusKey(ref, "check"), found, 0)
	if err != nil {
		return found, err
	}
	_, err = a.Store.Commit(ctx, store.Txn{Then: []store.Op{op}}) // it is marked as being read, and so stays, by its name
	return found, err
}

// reading marks that a volume is read by us, so that nobody begins to write to it; alone: nor to read it.
func (a *Actions) reading(ctx context.Context, call Call, row Row, ref model.Ref, alone bool) (v storage.Volume, done func(), err error) {
	target := volumeTarget(ref)
	defer func() {
		if err != nil {
			a.refused(ctx, call, row, target, err)
		}
	}()
	if err := a.may(ctx, call, row, target); err != nil {
		return v, nil, err
	}
	id := a.fresh(call, row, target).wish.ID
	for race := 0; ; race++ {
		v, err = a.beginExport(ctx, call, target, id, alone)
		if _, raced := errors.AsType[*store.CompareFailed](err); !raced || race >= maxRaces {
			break
		}
	}
	if err != nil {
		return v, nil, err
	}
	done = func() {
		if err := a.endExport(context.WithoutCancel(ctx), target, id); err != nil {
			a.Log.Error("a volume is said to be exported that is not", "volume", v.Name, "err", err)
		}
	}
	if err := a.opened(ctx, call, row, target); err != nil {
		done()
		return v, nil, err
	}
	return v, done, nil
}

func (a *Actions) beginExport(ctx context.Context, call Call, target operation.Target, id string, alone bool) (storage.Volume, error) {
	v, kv, err := a.volume(ctx, target.Project, target.Name)
	if err != nil {
		return v, err
	}
	if keys := storage.Keys(v.Chain()); len(keys) > 0 {
		return v, fault.New(fault.Precondition, "volume %q is encrypted with key %q, and would be read in clear", v.Name, keys[0]).
			Try("hv volume clone %s NEW --encryption none makes one in clear; take that", v.Name).WithCode("HV-KEY-012")
	}
	if alone && (v.Frozen || len(v.Exports) > 0 && !v.Repairing) {
		return v, fault.New(fault.Conflict, "others read what volume %q consists of", v.Name).
			Try("make a full clone of it, and repair that: hv volume clone %s NEW", v.Name).WithCode("HV-VOL-036")
	}
	if len(v.Exports) == 0 || v.Moving != nil || v.Source != nil || v.Repairing { // several may read it
		if err := free(v); err != nil {
			return v, err
		}
	}
	c := a.fresh(call, VolumeExport, target)
	if err := a.unwritten(ctx, c, v); err != nil {
		if fault.CodeOf(err) == "HV-VOL-032" {
			return v, fault.New(fault.Conflict, "volume %q is being written to, and what is read of it would be of no one moment", v.Name).Because(err).
				Try("hv volume clone %s COPY makes a copy of one moment under the VM; take that; or stop the VM", v.Name).WithCode("HV-VOL-036")
		}
		return v, err
	}
	v.Exports, v.Repairing = append(slices.Clone(v.Exports), id), alone
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	if err := c.put(kv.Key, v); err != nil {
		return v, err
	}
	_, err = a.Store.Commit(ctx, c.txn)
	return v, err
}

func (a *Actions) endExport(ctx context.Context, target operation.Target, id string) error {
	for race := 0; ; race++ {
		v, kv, err := store.Get[storage.Volume](ctx, a.Store, volumeKey(target.Project, target.Name))
		if err != nil {
			return err
		}
		v.Exports = slices.DeleteFunc(slices.Clone(v.Exports), func(one string) bool { return one == id })
		v.Repairing = false // who repairs is alone
		op, err := store.PutJSON(kv.Key, v, 0)
		if err != nil {
			return err
		}
		_, err = a.Store.Commit(ctx, store.Txn{If: []store.Cmp{store.ModRevision(kv.Key, kv.ModRevision)}, Then: []store.Op{op}})
		if _, raced := errors.AsType[*store.CompareFailed](err); !raced || race >= maxRaces {
			return err
		}
	}
}

// sweepExports forgets the exports of a daemon that has ended.
func (a *Actions) sweepExports(ctx context.Context) error {
	all, _, err := store.ListAll[storage.Volume](ctx, a.Store, store.SpecPrefix("volume"))
	if err != nil {
		return err
	}
	for _, v := range all {
		for _, id := range v.Value.Exports {
			if err := a.endExport(ctx, volumeTarget(model.Ref{Project: v.Value.Project, Name: v.Value.Name}), id); err != nil {
				return err
			}
		}
	}
	return nil
}
