package action

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// claim takes for next what it uses alone and before did not, and gives back what before used and
// next does not: volumes, MAC addresses, the UUID. All of it is part of the one transaction, so
// that of two racing changes one finds the claim taken.
func (a *Actions) claim(ctx context.Context, c *change, before, next vm.Object) error {
	holder := "vm/" + next.Name
	if err := a.claimVolumes(ctx, c, before, next, holder); err != nil {
		return err
	}
	if err := a.claimShares(ctx, c, before.Spec, next.Spec); err != nil {
		return err
	}
	alone := vmTarget(model.Ref{Project: next.Project, Name: next.Name}).String() // there may be one of this name in each project
	if before.Spec.UUID == "" {
		if err := a.claimAlone(ctx, c, "uuid", next.Spec.UUID, alone); err != nil {
			return err
		}
	}
	if err := a.claimCID(ctx, c, before.Spec, next.Spec, alone); err != nil {
		return err
	}
	had, has := macs(before.Spec), macs(next.Spec)
	for _, mac := range has {
		if !slices.Contains(had, mac) {
			if err := a.claimAlone(ctx, c, "mac", mac, alone); err != nil {
				return err
			}
		}
	}
	for _, mac := range had {
		if !slices.Contains(has, mac) {
			c.txn.Then = append(c.txn.Then, store.DeleteOp(store.ClaimKey("mac", store.HostWide, mac)))
		}
	}
	return nil
}

// claimShares writes the shares that a spec names and did not before, as they are: of a delete that saw no VM and this, one finds that
// the share has changed, and looks again.
func (a *Actions) claimShares(ctx context.Context, c *change, before, next vm.Spec) error {
	had := map[string]bool{}
	for _, s := range before.Shares {
		had[s.Share] = true
	}
	for _, tag := range slices.Sorted(maps.Keys(next.Shares)) {
		name := next.Shares[tag].Share
		if had[name] {
			continue
		}
		had[name] = true
		kv, err := a.Store.Get(ctx, shareKey(name))
		if fault.KindOf(err) == fault.NotFound {
			continue // of that lost tells
		}
		if err != nil {
			return err
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.txn.Then = append(c.txn.Then, store.PutOp(kv.Key, kv.Value, 0))
	}
	return nil
}

func macs(s vm.Spec) []string {
	full, _ := vm.Effective(s, "")
	var out []string
	for _, nic := range full.NICs {
		out = append(out, nic.MAC)
	}
	slices.Sort(out)
	return out
}

// claimAlone takes what exists once on a host.
func (a *Actions) claimAlone(ctx context.Context, c *change, what, name, holder string) error {
	key := store.ClaimKey(what, store.HostWide, name)
	other, _, err := store.Get[string](ctx, a.Store, key)
	switch {
	case err == nil && other != holder:
		return fault.New(fault.Conflict, "%s %s belongs to %s", what, name, other).Try("leave it out and one is made").WithCode("HV-VM-027")
	case err == nil:
		return nil
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	c.require(store.Absent(key))
	return c.put(key, holder)
}

func (a *Actions) claimVolumes(ctx context.Context, c *change, before, next vm.Object, holder string) error {
	var held []string
	uses := next.Spec.Volumes()
	for _, device := range slices.Sorted(maps.Keys(uses)) {
		disk := uses[device]
		old, had := diskOf(before.Spec, disk.Volume)
		if had && old.ReadOnly == disk.ReadOnly || slices.Contains(next.Letting, disk.Volume) {
			continue
		}
		others, err := a.claimVolume(ctx, c, next.Project, disk, holder)
		if err != nil {
			return err
		}
		for _, o := range others {
			held = append(held, fmt.Sprintf("volume %q is used by %s", disk.Volume, o))
		}
	}
	if len(held) > 0 {
		return fault.New(fault.Conflict, "%s", strings.Join(held, "; ")).
			Try("use another volume, or attach it read-only to both").WithCode("HV-VOL-003")
	}
	used := before.Spec.Volumes()
	for _, device := range slices.Sorted(maps.Keys(used)) {
		disk := used[device]
		if _, has := diskOf(next.Spec, disk.Volume); !has {
			if err := a.uncopied(ctx, next.Project, disk.Volume); err != nil {
				return err
			}
		}
		if _, has := diskOf(next.Spec, disk.Volume); !has && !slices.Contains(next.Letting, disk.Volume) {
			if err := a.unclaimVolume(ctx, c, next.Project, disk.Volume, holder); err != nil {
				return err
			}
		}
	}
	return nil
}

func diskOf(s vm.Spec, volume string) (vm.Disk, bool) {
	for _, d := range s.Volumes() {
		if d.Volume == volume {
			return d, true
		}
	}
	return vm.Disk{}, false
}

// claimVolume takes one volume; where others stand against it, it returns them.
func (a *Actions) claimVolume(ctx context.Context, c *change, project string, d vm.Disk, holder string) ([]string, error) {
	if _, made := c.made(d.Volume); made {
		key := store.ClaimKey("disk", project, d.Volume)
		claim, _ := storage.Claim{}.With(holder, d.ReadOnly)
		c.require(store.Absent(key))
		return nil, c.put(key, claim)
	}
	v, kv, err := a.volume(ctx, project, d.Volume)
	if err != nil {
		return nil, err
	}
	if err := free(v); err != nil {
		return nil, err
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	key := store.ClaimKey("disk", project, v.Name)
	claim, at, err := store.Get[storage.Claim](ctx, a.Store, key)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	claim, others := claim.With(holder, d.ReadOnly)
	if len(others) > 0 {
		return others, nil
	}
	c.require(store.ModRevision(key, at.ModRevision))
	return nil, c.put(key, claim)
}

func (a *Actions) unclaimVolume(ctx context.Context, c *change, project, volume, holder string) error {
	key := store.ClaimKey("disk", project, volume)
	claim, at, err := store.Get[storage.Claim](ctx, a.Store, key)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		return err
	}
	rest, _ := claim.Without(holder)
	c.require(store.ModRevision(key, at.ModRevision))
	if len(rest.Holders()) == 0 {
		c.txn.Then = append(c.txn.Then, store.DeleteOp(key))
		return nil
	}
	return c.put(key, rest)
}
