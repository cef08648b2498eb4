package action

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func shareTarget(name string) operation.Target {
	return operation.Target{Kind: "share", Ref: model.Ref{Project: store.HostWide, Name: name}}
}

func shareKey(name string) string {
	return store.SpecKey(store.Ref{Kind: "share", Project: store.HostWide, Name: name})
}

// shares are all of them, by name.
func (a *Actions) shares(ctx context.Context) (map[string]storage.Share, error) {
	all, _, err := store.ListAll[storage.Share](ctx, a.Store, store.SpecPrefix("share"))
	out := map[string]storage.Share{}
	for _, s := range all {
		s.Value.Revision = s.ModRevision
		out[s.Value.Name] = s.Value
	}
	return out, err
}

// CreateShare lets VMs mount a folder of the host's. The folder itself is looked at when a VM starts with it: it may be
// on a disk that is not mounted now, and the daemon may not look into it.
func (a *Actions) CreateShare(ctx context.Context, call Call, body wire.CreateShare) (Result, error) {
	return a.do(ctx, call, ShareCreate, shareTarget(body.Name), func(c *change) error {
		if errs := append(storage.CheckShare(body.Name, body.ShareSpec), model.CheckLabels(body.Labels)...); len(errs) > 0 {
			return fault.New(fault.Invalid, "cannot make share %q", body.Name).Because(errors.Join(errs...)).WithCode("HV-SHARE-003")
		}
		key := shareKey(body.Name)
		if _, err := a.Store.Get(ctx, key); err == nil {
			return fault.New(fault.Conflict, "share %q exists already", body.Name).Try("hv share show %s", body.Name).WithCode("HV-SHARE-002")
		}
		s := storage.Share{
			Metadata: a.byHand(c, store.HostWide, body.Name, body.Labels),
			Spec:     body.ShareSpec,
		}
		c.step("VMs may mount %s as share %s", s.Spec.Path, s.Name)
		c.wish.TargetUID, c.wish.Generation = s.UID, 1
		c.require(store.Absent(key))
		if err := c.put(key, s); err != nil {
			return err
		}
		c.atOnce(c.wish.Created)
		return nil
	})
}

// DeleteShare takes a share away that no VM names. The folder stays.
func (a *Actions) DeleteShare(ctx context.Context, call Call, name string) (Result, error) {
	target := shareTarget(name)
	return a.do(ctx, call, ShareDelete, target, func(c *change) error {
		s, kv, err := store.Get[storage.Share](ctx, a.Store, shareKey(name))
		if fault.KindOf(err) == fault.NotFound {
			return fault.New(fault.NotFound, "there is no share %q", name).Try("hv share list").WithCode("HV-SHARE-001")
		}
		if err == nil {
			err = match(call, kv, target)
		}
		if err != nil {
			return err
		}
		if s.Origin == model.Declared {
			return fault.New(fault.Denied, "share %q stands in the host's declaration and is deleted there only", name).
				Try("take it out there, then apply it").WithCode("HV-SHARE-004")
		}
		users, err := a.shareUsers(ctx, name)
		if err != nil {
			return err
		}
		if users != "" {
			return fault.New(fault.Conflict, "share %q is mounted by %s", name, users).
				Try("take it out of their specs first: hv vm edit NAME --set shares.TAG=null").WithCode("HV-SHARE-005")
		}
		c.step("VMs may mount %s no more; the folder stays as it is", s.Spec.Path)
		c.wish.TargetUID, c.wish.Generation = s.UID, s.Generation
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.txn.Then = append(c.txn.Then, store.DeleteOp(kv.Key))
		c.atOnce(c.wish.Created)
		return nil
	})
}

// shareUsers names the VMs whose specs have a share; "" for none.
func (a *Actions) shareUsers(ctx context.Context, name string) (string, error) {
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	var names []string
	for _, o := range all {
		for _, tag := range slices.Sorted(maps.Keys(o.Value.Spec.Shares)) {
			if o.Value.Spec.Shares[tag].Share == name {
				names = append(names, "vm "+model.Ref{Project: o.Value.Project, Name: o.Value.Name}.String()+" as "+tag)
			}
		}
	}
	return strings.Join(names, ", "), err
}
