package reconcile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/keys"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

const phrase = "correct horse battery"

func withKey(d *fakehost.Daemon, t *testing.T) {
	t.Helper()
	res, err := d.Actions.CreateKey(t.Context(), fakehost.Root, wire.CreateKey{Name: "house", Passphrase: phrase})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	res, err = d.Actions.CreateVolume(t.Context(), fakehost.Member, "default", wire.CreateVolume{
		Name: "data", VolumeSpec: storage.VolumeSpec{Size: 4 * model.MiB, Encryption: "house"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
}

func secret(t *testing.T, d *fakehost.Daemon) string {
	t.Helper()
	s, err := d.Keys.Secret(t.Context(), "house")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (k keyed) opens(t *testing.T, secret string) bool {
	t.Helper()
	all := true
	for _, l := range k.layers {
		yes, err := k.h.Volumes.Opens(t.Context(), l, secret)
		if err != nil {
			t.Fatal(err)
		}
		all = all && yes
	}
	return all
}

// keyed is layers of a host that are encrypted.
type keyed struct {
	h      *fakehost.Host
	layers []storage.Layer
}

func TestAVMOfALockedKeyWaitsForItAndStartsWhenItIsUnlocked(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	withKey(d, t)
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	d.Stop()
	d = h.Start() // the passphrase is known to nobody any more
	op := d.Verb("start", "web")
	ended := d.Ended(op)
	if ended.State != operation.Failed || ended.Error == nil || ended.Error.Code != "HV-KEY-002" || !strings.Contains(ended.Error.Hint, "hv key unlock house") {
		t.Errorf("the start says %+v", ended.Error)
	}
	if v, err := d.View.Volume(t.Context(), fakehost.Ref("data")); err != nil || !strings.Contains(v.Problem, "hv key unlock house") {
		t.Errorf("the volume says %q, %v", v.Problem, err)
	}
	if m, err := d.View.VM(t.Context(), fakehost.Ref("web")); err != nil || len(m.Findings) == 0 || m.Findings[len(m.Findings)-1].Code != "HV-KEY-002" {
		t.Errorf("the vm says %+v, %v", m.Findings, err)
	}
	if _, err := d.Actions.UnlockKey(t.Context(), fakehost.Root, "house", "not the passphrase"); fault.CodeOf(err) != "HV-KEY-006" {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if _, err := d.Actions.RotateKey(t.Context(), fakehost.Root, "house"); fault.CodeOf(err) != "HV-KEY-002" {
		t.Errorf("a locked key is rotated: %v", err)
	}
	if _, err := d.Actions.UnlockKey(t.Context(), fakehost.Root, "house", phrase); err != nil {
		t.Fatal(err)
	}
	d.State("web", vm.StateRunning)
	if err := d.Refused("suspend", "web"); fault.CodeOf(err) != "HV-KEY-011" {
		t.Errorf("its memory would lie in clear: %v", err)
	}
	if _, err := d.Actions.DeleteKey(t.Context(), fakehost.Root, "house"); fault.CodeOf(err) != "HV-KEY-013" || !strings.Contains(err.Error(), "data") {
		t.Errorf("a key in use is deleted: %v", err)
	}
}

func TestAKeyTurnsWhileAVMRunsAndTheSecretBeforeOpensNothing(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	withKey(d, t)
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true}); err != nil {
		t.Fatal(err)
	}
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	d.State("web", vm.StateRunning)
	k := keyed{h, append(stored(t, h, "data").Chain(), stored(t, h, "copy").Head())}
	if len(k.layers) != 3 || !k.opens(t, secret(t, d)) {
		t.Fatalf("%+v", k.layers)
	}
	before := secret(t, d)
	res, err := d.Actions.RotateKey(t.Context(), fakehost.Root, "house")
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	after := secret(t, d)
	if after == before || !k.opens(t, after) {
		t.Error("the new secret does not open all")
	}
	for _, l := range k.layers {
		if yes, err := h.Volumes.Opens(t.Context(), l, before); yes || err != nil {
			t.Errorf("the secret before opens %s: %v", l.File(), err)
		}
	}
	if key, err := d.View.Key(t.Context(), "house"); err != nil || key.State != storage.KeyUnlocked || key.Secret != 2 || len(key.Volumes) != 2 {
		t.Errorf("%+v, %v", key, err)
	}
	d.Done(d.Verb("kill", "web"))
	d.Done(d.Verb("start", "web"))
}

// ring is the keys of a host whose daemon has ended, unlocked.
func ring(t *testing.T, h *fakehost.Host) *keys.Keys {
	t.Helper()
	k, err := keys.Open(h.In("keys"), nil)
	if err == nil {
		_, err = k.Reach(t.Context(), storage.Key{Metadata: model.Metadata{Name: "house"}}, true)
	}
	if err == nil {
		err = k.Unlock(t.Context(), "house", phrase)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// wishRotation is what hv key rotate writes down.
func wishRotation(t *testing.T, h *fakehost.Host) {
	t.Helper()
	at := store.SpecKey(store.Ref{Kind: "key", Project: store.HostWide, Name: "house"})
	key, _, err := store.Get[storage.Key](t.Context(), h.Store, at)
	if err != nil {
		t.Fatal(err)
	}
	key.Secret, key.Generation = 2, key.Generation+1
	put, err := store.PutJSON(at, key, 0)
	if err == nil {
		_, err = h.Store.Commit(t.Context(), store.Txn{Then: []store.Op{put}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A rotation that is cut off anywhere leaves a key that opens everything, and goes on when it is unlocked again.
func TestARotationThatIsCutOffGoesOn(t *testing.T) {
	for name, until := range map[string]func(*testing.T, *keyed, *keys.Keys){
		"before anything": func(*testing.T, *keyed, *keys.Keys) {},
		"with the new secret in some": func(t *testing.T, k *keyed, ring *keys.Keys) {
			current, next, _, err := ring.Begin(t.Context(), "house", 2)
			if err == nil {
				err = k.h.Volumes.AddSecret(t.Context(), k.layers[0], current, next)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"switched": func(t *testing.T, k *keyed, ring *keys.Keys) {
			current, next, _, err := ring.Begin(t.Context(), "house", 2)
			for _, l := range k.layers {
				if err == nil {
					err = k.h.Volumes.AddSecret(t.Context(), l, current, next)
				}
			}
			if err == nil {
				err = ring.Switch("house")
			}
			if err == nil {
				err = k.h.Volumes.DropSecret(t.Context(), k.layers[0], current, next)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := fakehost.New(t)
			d := h.Start()
			withKey(d, t)
			if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true}); err != nil {
				t.Fatal(err)
			}
			before := secret(t, d)
			k := keyed{h, append(stored(t, h, "data").Chain(), stored(t, h, "copy").Head())}
			d.Stop()
			wishRotation(t, h)
			until(t, &k, ring(t, h))
			d = h.Start()
			if _, err := d.Actions.UnlockKey(t.Context(), fakehost.Root, "house", phrase); err != nil {
				t.Fatal(err)
			}
			d.Until("the rotation to end", func() bool {
				key, err := d.View.Key(t.Context(), "house")
				return err == nil && key.State == storage.KeyUnlocked && key.Secret == 2
			})
			if after := secret(t, d); after == before || !k.opens(t, after) {
				t.Error("the new secret does not open all")
			}
			for _, l := range k.layers {
				if yes, err := h.Volumes.Opens(t.Context(), l, before); yes || err != nil {
					t.Errorf("the secret before opens %s: %v", l.File(), err)
				}
			}
		})
	}
}

func TestALostKeyIsToldWhereverItIsMissedAndIsNotMadeAnew(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	withKey(d, t)
	d.Stop()
	if err := os.Remove(filepath.Join(h.In("keys"), "house.json")); err != nil {
		t.Fatal(err)
	}
	d = h.Start()
	d.Until("the loss to be told", func() bool {
		key, err := d.View.Key(t.Context(), "house")
		return err == nil && key.State == storage.KeyLost && key.Hint != ""
	})
	if v, err := d.View.Volume(t.Context(), fakehost.Ref("data")); err != nil || !strings.Contains(v.Problem, "lost") {
		t.Errorf("the volume says %q, %v", v.Problem, err)
	}
	if _, err := d.Actions.UnlockKey(t.Context(), fakehost.Root, "house", phrase); err == nil {
		t.Error("a lost key was made anew")
	}
	_, err := d.Actions.CreateVolume(t.Context(), fakehost.Member, "default", wire.CreateVolume{Name: "more", VolumeSpec: storage.VolumeSpec{Size: model.MiB, Encryption: "house"}})
	if fault.CodeOf(err) != "HV-KEY-003" {
		t.Errorf("a volume with a lost key: %v", err)
	}
}

// Whoever reads an encrypted volume as a file would get it in clear without having asked for that, or what nobody can read.
func TestAnEncryptedVolumeIsReadInClearByNobodyWhoDidNotAsk(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	h.SecondPool()
	withKey(d, t)
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	refused := func(what, code string, err error) {
		t.Helper()
		if fault.CodeOf(err) != code || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, format := range []string{"raw", "qcow2"} {
		_, _, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), format)
		refused("exported as "+format, "HV-KEY-012", err)
	}
	for _, repair := range []bool{false, true} {
		_, _, err := d.Actions.OpenCheck(t.Context(), fakehost.Member, fakehost.Ref("data"), repair)
		refused("checked", "HV-KEY-012", err)
	}
	d.Done(d.Verb("start", "web"))
	_, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: "second"})
	refused("moved under a guest", "HV-KEY-026", err)
	for _, key := range []string{"", storage.NoKey, "house"} {
		_, err = d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Encryption: key})
		refused("cloned under a guest with key "+key, "HV-KEY-026", err)
	}
	if v := stored(t, h, "data"); len(v.Exports)+len(v.Copiers) > 0 || v.Moving != nil {
		t.Errorf("what was refused is left in it: %+v", v)
	}
}

// A file that is gone while its key turns would be opened by nothing when it is put back: the secret before stays until then.
func TestAKeyIsNotTurnedPastAFileThatIsGone(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	withKey(d, t)
	k := keyed{h, stored(t, h, "data").Chain()}
	before, at := secret(t, d), filepath.Join(h.In("pool"), stored(t, h, "data").File)
	if err := os.Rename(at, at+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Actions.RotateKey(t.Context(), fakehost.Root, "house"); err != nil {
		t.Fatal(err)
	}
	d.Until("it to say what it waits for", func() bool {
		key, err := d.View.Key(t.Context(), "house")
		return err == nil && key.State == storage.KeyRotating && strings.Contains(key.Hint, "put the file back")
	})
	if secret(t, d) != before {
		t.Error("it was turned")
	}
	if err := os.Rename(at+".away", at); err != nil {
		t.Fatal(err)
	}
	d.Until("the rotation to end", func() bool {
		key, err := d.View.Key(t.Context(), "house")
		return err == nil && key.State == storage.KeyUnlocked && key.Secret == 2 && key.Problem == ""
	})
	if after := secret(t, d); after == before || !k.opens(t, after) || k.opens(t, before) {
		t.Error("the new secret does not open it, or the one before does")
	}
}
