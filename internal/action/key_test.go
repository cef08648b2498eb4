package action

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

const phrase = "correct horse battery"

// put writes a value past all actions.
func (d *desk) put(key string, value any) {
	d.t.Helper()
	op, err := store.PutJSON(key, value, 0)
	d.must(err)
	_, err = d.Store.Commit(d.t.Context(), store.Txn{Then: []store.Op{op}})
	d.must(err)
}

// turns is what hv key rotate writes down.
func (d *desk) turns(name string) {
	d.t.Helper()
	k, _, err := d.key(d.t.Context(), name)
	d.must(err)
	k.Secret++
	d.put(keyKey(name), k)
}

// A linked clone has its file before it is an object that a rotation finds: one that was made with the secret before would be opened
// by nothing once the rotation has ended.
func TestNoLinkedCloneIsMadeWithASecretThatIsBeingGivenUp(t *testing.T) {
	clone := func(d *desk) error {
		_, err := d.CloneVolume(t.Context(), member, ref("base"), wire.CloneVolume{Name: "c", Linked: true})
		return err
	}
	for name, when := range map[string]func(*desk){
		"while its key turns": func(d *desk) {
			d.put(store.StatusKey(keyRef("house"), "reconcile"), storage.KeyStatus{State: storage.KeyRotating, Secret: 1})
		},
		"when its key is to turn": func(d *desk) { d.turns("house") },
		"as its key is to turn": func(d *desk) { // the clone's file is about to be made
			d.Random = func(n int) []byte {
				d.Random = random
				d.turns("house")
				return random(n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			_, err := d.CreateKey(t.Context(), root, wire.CreateKey{Name: "house", Passphrase: phrase})
			d.must(err)
			_, err = d.CreateVolume(t.Context(), member, "default", wire.CreateVolume{Name: "base", VolumeSpec: storage.VolumeSpec{Size: model.MiB, Encryption: "house"}})
			d.must(err)
			before := strings.Join(d.files(), " ")
			when(d)
			if err := clone(d); fault.CodeOf(err) != "HV-KEY-016" {
				t.Errorf("%v", err)
			}
			if d.has(volumeKey("default", "c")) || strings.Join(d.files(), " ") != before {
				t.Error("something is left of it")
			}
		})
	}
}

// looks reads as what it returns.
type looks func() []byte

func (l looks) Read(b []byte) (int, error) { return copy(b, l()), nil }

func TestAnImportIsEncryptedWithTheSecretThatNewVolumesHave(t *testing.T) {
	d := newDesk(t)
	_, err := d.CreateKey(t.Context(), root, wire.CreateKey{Name: storage.DefaultKey, Passphrase: phrase})
	d.must(err)
	content := bytes.Repeat([]byte("content "), 64)
	res, err := d.ImportVolume(t.Context(), member, "default", wire.CreateVolume{Name: "data"}, 512, bytes.NewReader(content))
	d.must(err)
	v, _, err := d.Actions.volume(t.Context(), "default", "data")
	d.must(err)
	if v.Head().Key != storage.DefaultKey || v.SHA256 == "" {
		t.Errorf("%+v (%s)", v, res.Operation.ID)
	}
	secret, err := d.keys.Secret(t.Context(), storage.DefaultKey)
	d.must(err)
	if opens, err := d.pool.Opens(t.Context(), v.Head(), secret); !opens || err != nil {
		t.Errorf("it does not open: %v", err)
	}
	before := strings.Join(d.files(), " ")
	_, err = d.ImportVolume(t.Context(), member, "default", wire.CreateVolume{Name: "more"}, 512, looks(func() []byte {
		d.turns(storage.DefaultKey)
		return content
	}))
	if fault.CodeOf(err) != "HV-KEY-016" || strings.Join(d.files(), " ") != before {
		t.Errorf("its key turned meanwhile: %v", err)
	}
	_, err = d.ImportVolume(t.Context(), member, "default", wire.CreateVolume{Name: "open", VolumeSpec: storage.VolumeSpec{Encryption: storage.NoKey}}, 512, bytes.NewReader(content))
	d.must(err)
	d.keys.Lock(storage.DefaultKey)
	d.put(store.StatusKey(keyRef(storage.DefaultKey), "reconcile"), storage.KeyStatus{State: storage.KeyLocked, Secret: 1})
	_, err = d.ImportVolume(t.Context(), member, "default", wire.CreateVolume{Name: "more"}, 512, bytes.NewReader(content))
	if fault.CodeOf(err) != "HV-KEY-002" {
		t.Errorf("while its key is locked: %v", err)
	}
}

func TestAnEncryptedVolumeAndItsKeyAreRebuiltAndOpen(t *testing.T) {
	d := newDesk(t)
	house := storage.Key{Metadata: model.Metadata{Name: "house", Project: store.HostWide, UID: testUID(7), Generation: 1}, Secret: 1}
	vault := house
	vault.Name, vault.UID, vault.Spec = "vault", testUID(8), storage.KeySpec{Kind: storage.CommandKey, Command: []string{"/bin/sh", "-c", "id"}}
	_, err := d.keys.Make(t.Context(), "house", house.Spec, phrase)
	d.must(err)
	v := storage.Volume{
		Metadata: model.Metadata{Name: "data", Project: "default", UID: testUID(1), Generation: 1},
		Spec:     storage.VolumeSpec{Pool: storage.DefaultPool, Format: storage.Raw, Size: model.MiB, Encryption: "house"}, File: storage.VolumeFile(testUID(1), storage.Raw),
	}
	d.must(d.pool.Create(t.Context(), v))
	d.noted("key", house.UID, house)
	d.noted("key", vault.UID, vault)
	d.noted("volume", v.UID, v)
	d.keys.Lock("house") // the daemon has started again, with a store that holds nothing
	if said := d.recovered(); !strings.Contains(said, "key vault is not rebuilt: its command is taken from no note") {
		t.Errorf("it is said %q", said)
	}
	back, _, err := d.Actions.volume(t.Context(), "default", "data")
	d.must(err)
	if back.Head().Key != "house" || !d.has(keyKey("house")) || d.has(keyKey("vault")) {
		t.Errorf("%+v", back)
	}
	if _, err := d.CloneVolume(t.Context(), member, ref("data"), wire.CloneVolume{Name: "c"}); fault.CodeOf(err) != "HV-KEY-002" || !strings.Contains(fault.HintOf(err), "hv key unlock house") {
		t.Errorf("while its key is locked: %v", err)
	}
	_, err = d.UnlockKey(t.Context(), root, "house", phrase)
	d.must(err)
	secret, err := d.keys.Secret(t.Context(), "house")
	d.must(err)
	if opens, err := d.pool.Opens(t.Context(), back.Head(), secret); !opens || err != nil {
		t.Errorf("it does not open: %v", err)
	}
}

// overtaken is the keys of a host on which somebody else changes the key's object as it is sealed anew.
type overtaken struct {
	Keys
	d *desk
}

func (o overtaken) Reseal(ctx context.Context, name, passphrase string) error {
	if err := o.Keys.Reseal(ctx, name, passphrase); err != nil {
		return err
	}
	k, _, err := o.d.key(ctx, name)
	o.d.must(err)
	o.d.put(keyKey(name), k) // as a volume that is made with it does
	return nil
}

func TestAPassphraseThatWasChangedIsNotSaidToBeAsBefore(t *testing.T) {
	d := newDesk(t)
	_, err := d.CreateKey(t.Context(), root, wire.CreateKey{Name: "house", Passphrase: phrase})
	d.must(err)
	d.Keys = overtaken{d.keys, d}
	if _, err := d.ResealKey(t.Context(), root, "house", wire.ResealKey{Passphrase: phrase, New: "another passphrase"}); err != nil {
		t.Errorf("it was changed, and is said not to have been: %v", err)
	}
	d.must(d.keys.Unlock(t.Context(), "house", "another passphrase"))
}
