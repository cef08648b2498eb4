//go:build linux

package reconcile_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// A key whose program takes its time keeps what is encrypted with it waiting, and neither the start of the daemon nor another key.
func TestASlowKeyHoldsUpNoOther(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	withKey(d, t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	answer := func() {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // until somebody reads
		if err == nil {
			_, err = f.WriteString("the-secret-of-the-vault\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}
	go answer()
	res, err := d.Actions.CreateKey(t.Context(), fakehost.Root, wire.CreateKey{Name: "vault", KeySpec: storage.KeySpec{
		Kind: storage.CommandKey, Command: []string{"/bin/sh", "-c", `read line < "$1"; echo "$line"`, "print", fifo},
	}})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	res, err = d.Actions.CreateVolume(t.Context(), fakehost.Member, "default", wire.CreateVolume{Name: "more", VolumeSpec: storage.VolumeSpec{Size: model.MiB, Encryption: "vault"}})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	d.Done(d.Create(fakehost.Tiny("web", func(d *vm.Definition) { d.Disks = map[string]vm.Disk{"root": {Volume: "more"}} })))
	d.Stop()

	d = h.Start()
	op := d.Verb("start", "web")
	if _, err := d.Actions.UnlockKey(t.Context(), fakehost.Root, "house", phrase); err != nil {
		t.Fatal(err)
	}
	d.Until("the other key to be open", func() bool {
		key, err := d.View.Key(t.Context(), "house")
		return err == nil && key.State == storage.KeyUnlocked
	})
	before := secret(t, d)
	if res, err = d.Actions.RotateKey(t.Context(), fakehost.Root, "house"); err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if secret(t, d) == before {
		t.Error("it was not rotated")
	}
	if now, err := d.View.Operation(t.Context(), op.ID); err != nil || now.State.Ended() {
		t.Errorf("the VM of the slow key: %s, %v", now.State, err)
	}
	answer()
	d.Done(op)
}
