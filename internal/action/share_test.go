package action

import (
	"context"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAShareIsRootsAndStaysWhileAVMNamesIt(t *testing.T) {
	d := newDesk(t)
	music := wire.CreateShare{Name: "music", ShareSpec: storage.ShareSpec{Path: "/srv/music"}}
	_, err := d.CreateShare(t.Context(), member, music)
	told(t, err, fault.Denied)
	_, err = d.CreateShare(t.Context(), root, wire.CreateShare{Name: "all", ShareSpec: storage.ShareSpec{Path: "/etc"}})
	told(t, err, fault.Invalid, "/etc", "not below /srv")
	res, err := d.CreateShare(t.Context(), root, music)
	d.must(err)
	if !res.Operation.State.Ended() {
		t.Errorf("somebody still waits: %+v", res.Operation)
	}
	_, err = d.CreateShare(t.Context(), root, music)
	told(t, err, fault.Conflict, "exists already")

	_, err = d.CreateVM(t.Context(), member, "default", vm.Definition{Name: "lost", Spec: vm.Spec{Shares: map[string]vm.Share{"m": {Share: "films"}}}})
	if err == nil || !strings.Contains(err.Error(), "films") {
		t.Errorf("a VM may name a share that is not there: %v", err)
	}
	_, err = d.CreateVM(t.Context(), member, "default", vm.Definition{Name: "web", Spec: vm.Spec{Shares: map[string]vm.Share{"m": {Share: "music"}}}})
	d.must(err)
	_, err = d.DeleteShare(t.Context(), root, "music")
	if fault.CodeOf(err) != "HV-SHARE-005" || !strings.Contains(err.Error(), "web as m") {
		t.Errorf("a share that is mounted goes: %v", err)
	}
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeleteOp(store.SpecKey(store.Ref{Kind: "vm", Project: "default", Name: "web"}))}})
	d.must(err)
	_, err = d.DeleteShare(t.Context(), root, "music")
	d.must(err)
	if d.has(shareKey("music")) {
		t.Error("it is there still")
	}
}

// between does something once, when a list of VMs was read.
type between struct {
	store.Store
	once func()
}

func (b *between) List(ctx context.Context, prefix string, opt store.ListOptions) (store.Page, error) {
	page, err := b.Store.List(ctx, prefix, opt)
	if do := b.once; do != nil && prefix == store.SpecPrefix("vm") {
		b.once = nil
		do()
	}
	return page, err
}

// A VM that names a share as it goes is seen by whoever takes the share away.
func TestAShareDoesNotGoFromUnderAVMThatComesToNameIt(t *testing.T) {
	named := vm.Spec{Shares: map[string]vm.Share{"m": {Share: "music"}}}
	for how, take := range map[string]func(*desk) error{
		"by hand": func(d *desk) error {
			_, err := d.DeleteShare(t.Context(), root, "music")
			return err
		},
		"declared no more": func(d *desk) error {
			_, err := d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{}}`))
			return err
		},
	} {
		d := newDesk(t)
		if how == "by hand" {
			_, err := d.CreateShare(t.Context(), root, wire.CreateShare{Name: "music", ShareSpec: storage.ShareSpec{Path: "/srv/music"}})
			d.must(err)
		} else {
			_, err := d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{"storage":{"shares":{"music":{"path":"/srv/music"}}}}}`))
			d.must(err)
		}
		_, err := d.CreateVM(t.Context(), member, "default", vm.Definition{Name: "web"})
		d.must(err)
		d.Store = &between{Store: d.Store, once: func() {
			_, err := d.CreateVM(t.Context(), member, "default", vm.Definition{Name: "late", Spec: named})
			d.must(err)
		}}
		err = take(d)
		if err == nil || !strings.Contains(err.Error(), "late as m") || !d.has(shareKey("music")) {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestNoTwoVMsOfAHostHaveOneContextID(t *testing.T) {
	d := newDesk(t)
	create := func(name string, cid int) error {
		_, err := d.CreateVM(t.Context(), member, "default", vm.Definition{Name: name, Spec: vm.Spec{Vsock: &vm.Vsock{CID: cid}}})
		return err
	}
	d.must(create("a", 7))
	told(t, create("b", 7), fault.Conflict, "cid 7", "vm/a")
	d.must(create("c", 0))
}
