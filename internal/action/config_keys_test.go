package action

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// keyed declares keys.
func (d *desk) keyed(call Call, keys string) (Result, error) {
	return d.ApplyConfig(d.t.Context(), call, d.declare(`{"hypervisor":{"featureManager":{"extraFeatures":["encryption"]},"storage":{"keys":{`+keys+`}}}}`))
}

func TestDeclaredKeysAreMadeTakenOverAndKept(t *testing.T) {
	d := newDesk(t)
	_, err := d.CreateKey(t.Context(), root, wire.CreateKey{Name: "mine", Passphrase: phrase})
	d.must(err)
	both := `"house":{},"mine":{"kind":"passphrase"}`
	res, err := d.keyed(dry(root), both)
	d.must(err)
	want := []wire.PlannedKey{{Name: "house", Becomes: wire.Created, Sealed: "a passphrase"}, {Name: "mine", Becomes: wire.Changed, Sealed: "a passphrase"}}
	if k := res.Preview.Config.Keys; len(k) != 2 || k[0] != want[0] || k[1] != want[1] || d.has(keyKey("house")) {
		t.Errorf("%+v", k)
	}
	_, err = d.keyed(root, both)
	d.must(err)
	if k, _, _ := d.key(t.Context(), "mine"); k.Origin != model.Declared || k.Secret != 1 {
		t.Errorf("it was not taken over: %+v", k)
	}
	k, _, err := d.key(t.Context(), "house")
	d.must(err)
	if k.Origin != model.Declared || k.UID == "" || k.Project != store.HostWide {
		t.Errorf("%+v", k)
	}
	_, err = d.DeleteKey(t.Context(), root, "house")
	told(t, err, fault.Denied, "stands in the host's declaration")

	// Nothing is encrypted with one that has no secret, and it is said who makes it.
	d.put(store.StatusKey(keyRef("house"), "reconcile"), storage.KeyStatus{State: storage.KeyUnmade}) // as reconcile does
	_, err = d.CreateVolume(t.Context(), member, "default", wire.CreateVolume{Name: "v", VolumeSpec: storage.VolumeSpec{Size: model.MiB, Encryption: "house"}})
	if fault.CodeOf(err) != "HV-KEY-004" || !strings.Contains(fault.HintOf(err), "hv key unlock house") {
		t.Errorf("%v", err)
	}
	_, err = d.UnlockKey(t.Context(), root, "house", phrase)
	d.must(err)
	if _, err := d.keys.Secret(t.Context(), "house"); err != nil {
		t.Error(err)
	}
	_, kv, _ := d.key(t.Context(), "house")
	_, err = d.keyed(root, both) // the same again
	d.must(err)
	if _, again, _ := d.key(t.Context(), "house"); again.ModRevision != kv.ModRevision {
		t.Error("it was written again")
	}

	d.put(store.StatusKey(keyRef("house"), "reconcile"), storage.KeyStatus{State: storage.KeyUnlocked, Secret: 1})
	_, err = d.keyed(root, `"house":{"kind":"systemd-creds"}`)
	told(t, err, fault.Invalid, "is sealed by a passphrase, and stays so")
	res, err = d.keyed(root, ``)
	d.must(err)
	if k, _, err := d.key(t.Context(), "house"); err != nil || k.Origin != model.Manual || k.Deleted != nil {
		t.Errorf("a key that is declared no more is kept: %+v, %v (%s)", k, err, res.Operation.ID)
	}
	if _, err := d.keys.Secret(t.Context(), "house"); err != nil {
		t.Errorf("its secret is gone: %v", err)
	}
}

func TestAKeyIsDeclaredWhereThingsMayBeEncryptedOnly(t *testing.T) {
	d := newDesk(t)
	_, err := d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{"featureManager":{"disabledFeatures":["encryption"]},"storage":{"keys":{"house":{}}}}}`))
	told(t, err, fault.Invalid, "key house is declared, and feature encryption is off")
	_, err = d.keyed(root, `"vault":{"kind":"command","command":["print"]}`)
	told(t, err, fault.Invalid, "is not absolute")
	_, err = d.keyed(root, `"vault":{"kind":"command","command":["/bin/print"]}`)
	d.must(err)
	_, err = d.keyed(root, `"vault":{"kind":"command","command":["/bin/print","vault"]}`)
	d.must(err)
	if k, _, _ := d.key(t.Context(), "vault"); k.Generation != 2 || len(k.Spec.Command) != 2 {
		t.Errorf("%+v", k)
	}
}

func TestAKeyThatChangesWhileADeclarationIsPlannedIsLookedAtAnew(t *testing.T) {
	d := newDesk(t)
	_, err := d.CreateKey(t.Context(), root, wire.CreateKey{Name: "mine", Passphrase: phrase})
	d.must(err)
	decl, err := config.Decode(d.declare(`{"hypervisor":{"featureManager":{"extraFeatures":["encryption"]},"storage":{"keys":{"mine":{}}}}}`))
	d.must(err)
	var p planned
	_, err = d.planKeys(t.Context(), &p, decl)
	d.must(err)
	_, err = d.RotateKey(t.Context(), root, "mine")
	d.must(err)
	c := &change{}
	d.must(d.putKeys(c, p))
	if done, err := d.Store.Commit(t.Context(), c.txn); err == nil {
		t.Errorf("the plan took the wish for another secret away: %+v, %v", done, err)
	}
	if k, _, _ := d.key(t.Context(), "mine"); k.Secret != 2 {
		t.Errorf("%+v", k)
	}
}
