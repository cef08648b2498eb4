package action

import (
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
