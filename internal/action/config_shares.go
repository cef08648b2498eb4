package action

import (
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// planShares says what becomes of each share when decl stands, and what speaks against it.
func (a *Actions) planShares(ctx context.Context, p *planned, decl config.Declaration, all map[string]storage.Share) (finding.List, error) {
	p.sharesAt = map[string]int64{}
	for name := range all {
		p.sharesAt[name] = all[name].Revision
	}
	p.shares = map[string]storage.Share{}
	var found finding.List
	note := func(name, becomes string, next storage.Share) {
		p.Shares = append(p.Shares, wire.PlannedShare{Name: name, Becomes: becomes, Path: next.Spec.Path})
		if becomes != wire.Unchanged {
			p.shares[name] = next
		}
	}
	for _, name := range slices.Sorted(maps.Keys(decl.Storage.Shares)) {
		want := decl.Storage.Shares[name]
		have, there := all[name]
		becomes := wire.Unchanged
		switch {
		case !there:
			becomes = wire.Created
		case have.Origin == model.Manual:
			found = append(found, finding.Finding{
				Code: "HV-SHARE-002", Severity: finding.Refused, Subject: []string{"share/" + name}, Path: config.SharePath(name),
				What: "share " + name + " exists already and was made by hand", Remedy: "declare it under another name, or hv share delete " + name,
			})
		case have.Spec != want:
			becomes = wire.Changed
		}
		have.Name, have.Spec, have.Origin = name, want, model.Declared
		note(name, becomes, have)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, declared := decl.Storage.Shares[name]; declared || all[name].Origin != model.Declared {
			continue
		}
		users, err := a.shareUsers(ctx, name)
		if err != nil {
			return nil, err
		}
		if users != "" && !onlyGone(p, decl, all[name].Name) {
			found = append(found, finding.Finding{
				Code: "HV-SHARE-005", Severity: finding.Refused, Subject: []string{"share/" + name}, Path: "hypervisor.storage.shares",
				What: "share " + name + " is declared no more, and mounted by " + users, Remedy: "take it out of their specs first, or go on declaring it",
			})
		}
		note(name, wire.Removed, all[name])
	}
	return found, nil
}

// onlyGone reports whether all VMs that name a share are the declaration's own and name it no more when decl stands.
func onlyGone(p *planned, decl config.Declaration, share string) bool {
	names := func(shares map[string]string) bool {
		return slices.Contains(slices.Collect(maps.Values(shares)), share)
	}
	for name, o := range p.objects {
		has := map[string]string{}
		for tag, s := range o.Spec.Shares {
			has[tag] = s.Share
		}
		if !names(has) {
			continue
		}
		next, declared := decl.VMs[name]
		if !declared || o.Origin != model.Declared {
			return false
		}
		for _, s := range next.Shares {
			if s.Share == share {
				return false
			}
		}
	}
	return true
}

// putShares writes the shares that a declaration makes, changes and lets go of, in its own transaction.
func (a *Actions) putShares(c *change, p planned) error {
	for _, planned := range p.Shares {
		next, changes := p.shares[planned.Name]
		if !changes {
			continue
		}
		key := shareKey(next.Name)
		c.require(store.ModRevision(key, p.sharesAt[next.Name])) // 0: there is none
		if planned.Becomes == wire.Removed {
			c.txn.Then = append(c.txn.Then, store.DeleteOp(key))
			continue
		}
		if next.UID == "" {
			next.UID, next.Created, next.Project = uuid(a.Random(16)), c.wish.Created, store.HostWide
		}
		next.Generation++
		if err := c.put(key, next); err != nil {
			return err
		}
	}
	return nil
}
