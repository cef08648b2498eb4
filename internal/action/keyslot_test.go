package action

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/keys"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAVolumeOfALostKeyIsOpenedByItsRecoveryPassphrase(t *testing.T) {
	d := newDesk(t)
	folder := filepath.Join(t.TempDir(), "keys")
	ring, err := keys.Open(folder, nil)
	d.must(err)
	d.keys, d.Keys, d.pool.Keys = ring, ring, ring
	_, err = d.CreateKey(t.Context(), root, wire.CreateKey{Name: "house", Passphrase: phrase})
	d.must(err)
	_, err = d.ImportVolume(t.Context(), member, "default", wire.CreateVolume{Name: "data", VolumeSpec: storage.VolumeSpec{Encryption: "house"}}, 512, looks(func() []byte { return make([]byte, 512) }))
	d.must(err)
	const recovery = "to recover with"
	if _, err := d.AddKeyslot(t.Context(), member, ref("data"), wire.AddKeyslot{Passphrase: recovery}); fault.KindOf(err) != fault.Denied {
		t.Errorf("a member adds one: %v", err)
	}
	if _, err := d.AddKeyslot(t.Context(), root, ref("data"), wire.AddKeyslot{Passphrase: "short"}); fault.CodeOf(err) != "HV-KEY-014" {
		t.Errorf("%v", err)
	}
	_, err = d.AddKeyslot(t.Context(), root, ref("data"), wire.AddKeyslot{Passphrase: recovery})
	d.must(err)
	if _, err := d.RenewKey(t.Context(), root, "house", phrase); fault.CodeOf(err) != "HV-KEY-033" {
		t.Errorf("one that is there is made anew: %v", err)
	}

	d.must(os.Remove(filepath.Join(folder, "house.json")))
	ring, err = keys.Open(folder, nil) // the daemon has started again
	d.must(err)
	d.keys, d.Keys, d.pool.Keys = ring, ring, ring
	status := store.StatusKey(keyRef("house"), "reconcile")
	d.put(status, storage.KeyStatus{State: storage.KeyLost, Secret: 1})
	if _, err := d.RecoverKeyslots(t.Context(), root, ref("data"), recovery); fault.CodeOf(err) != "HV-KEY-003" {
		t.Errorf("before there is a new secret: %v", err)
	}
	_, err = d.RenewKey(t.Context(), root, "house", "the next passphrase")
	d.must(err)
	k, _, err := d.key(t.Context(), "house")
	d.must(err)
	st, err := d.keys.Reach(t.Context(), k, true)
	if err != nil || st.State != storage.KeyUnlocked || st.Secret != 2 {
		t.Errorf("%+v, %v", st, err)
	}
	d.put(status, st) // as reconcile does
	if _, err := d.RecoverKeyslots(t.Context(), root, ref("data"), "not the passphrase"); fault.CodeOf(err) != "HV-KEY-023" {
		t.Errorf("%v", err)
	}
	_, err = d.RecoverKeyslots(t.Context(), root, ref("data"), recovery)
	d.must(err)
	v, _, err := d.Actions.volume(t.Context(), "default", "data")
	d.must(err)
	secret, err := d.keys.Secret(t.Context(), "house")
	d.must(err)
	if opens, err := d.pool.Opens(t.Context(), v.Head(), secret); !opens || err != nil {
		t.Errorf("it does not open: %v", err)
	}
	_, err = d.RemoveKeyslot(t.Context(), root, ref("data"), 7, false)
	d.must(err)
	d.turns("house")
	d.turns("house") // past the one that was made anew
	if _, err := d.RemoveKeyslot(t.Context(), root, ref("data"), 0, true); fault.CodeOf(err) != "HV-KEY-016" {
		t.Errorf("while its key turns: %v", err)
	}
	d.must(d.volumeIn(storage.DefaultPool, "plain", model.MiB))
	if _, err := d.RemoveKeyslot(t.Context(), root, ref("plain"), 7, false); fault.CodeOf(err) != "HV-KEY-031" {
		t.Errorf("%v", err)
	}
}
