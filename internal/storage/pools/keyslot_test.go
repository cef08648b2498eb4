//go:build linux

package pools

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func (p *Pools) slots(t *testing.T, chain []storage.Layer) string {
	t.Helper()
	all, err := p.Keyslots(t.Context(), chain)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range all {
		out = append(out, fmt.Sprintf("%d %s%s %d/%d", s.Slot, s.Kind, s.Key, s.Layers, s.Of))
	}
	return strings.Join(out, ", ")
}

func TestARecoveryPassphraseOpensAllLayersAndStaysWhenTheKeyIsLost(t *testing.T) {
	p, path := desk(t)
	keys := ring{"house": "the-secret-of-the-house"}
	p.Keys, p.stretch = keys, 2000
	v := volume(storage.DefaultPool, storage.QCOW2, 4*model.MiB)
	v.Spec.Encryption = "house"
	if err := p.Create(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	const phrase = "to recover with"
	if n, err := p.AddKeyslot(t.Context(), v.Chain(), -1, phrase); n != 7 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	chain, err := storage.Overlay(v.Chain(), "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a99", v.Spec.Size)
	if err != nil {
		t.Fatal(err)
	}
	top := v.On(chain)
	if err := p.Create(t.Context(), top); err != nil {
		t.Fatal(err)
	}
	if got := p.slots(t, chain); got != "0 keyhouse 2/2, 7 passphrase 1/2" {
		t.Errorf("with a layer more: %s", got)
	}
	if err := p.WipeKeyslot(t.Context(), chain, 0, true); fault.CodeOf(err) != "HV-KEY-022" {
		t.Errorf("nothing else opens the newer layer: %v", err)
	}
	if _, err := p.AddKeyslot(t.Context(), chain[1:], 5, "of the newer one"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.AddKeyslot(t.Context(), chain, 5, "of both"); fault.CodeOf(err) != "HV-KEY-021" {
		t.Errorf("%v", err)
	}
	if got := p.slots(t, chain); got != "0 keyhouse 2/2, 5 passphrase 1/2, 7 passphrase 1/2" {
		t.Errorf("what was refused has changed one of the layers: %s", got)
	}
	if err := p.WipeKeyslot(t.Context(), chain, 5, false); err != nil {
		t.Fatal(err)
	}
	if _, err := p.AddKeyslot(t.Context(), chain, 7, "another passphrase"); fault.CodeOf(err) != "HV-KEY-021" {
		t.Errorf("%v", err)
	}
	if _, err := p.AddKeyslot(t.Context(), chain, 7, phrase); err != nil {
		t.Fatal(err)
	}
	if err := p.WipeKeyslot(t.Context(), chain, 0, false); fault.CodeOf(err) != "HV-KEY-030" {
		t.Errorf("the key's: %v", err)
	}
	if err := p.WipeKeyslot(t.Context(), chain, 5, false); fault.CodeOf(err) != "HV-KEY-032" {
		t.Errorf("an empty one: %v", err)
	}
	needs(t)
	mark(t, filepath.Join(path, v.File), storage.QCOW2, phrase) // as whoever has the disk and the passphrase would

	keys["house"] = "a-secret-made-anew"
	if got := p.slots(t, chain); got != "0 other 2/2, 7 passphrase 2/2" {
		t.Errorf("its key is another: %s", got)
	}
	if opens, of, err := p.RecoverKeyslots(t.Context(), chain, "not the passphrase"); opens != 0 || of != 2 || err != nil {
		t.Errorf("%d of %d, %v", opens, of, err)
	}
	if opens, of, err := p.RecoverKeyslots(t.Context(), chain, phrase); opens != 2 || of != 2 || err != nil {
		t.Errorf("%d of %d, %v", opens, of, err)
	}
	mark(t, filepath.Join(path, v.File), storage.QCOW2, "a-secret-made-anew")
	if err := p.WipeKeyslot(t.Context(), chain, 0, true); err != nil {
		t.Fatal(err)
	}
	if err := p.WipeKeyslot(t.Context(), chain, 7, false); err != nil {
		t.Fatal(err)
	}
	if got := p.slots(t, chain); got != "1 keyhouse 2/2" {
		t.Errorf("%s", got)
	}
	if err := p.WipeKeyslot(t.Context(), chain, 1, true); fault.CodeOf(err) != "HV-KEY-022" {
		t.Errorf("the last one: %v", err)
	}
	plain := volume(storage.DefaultPool, storage.Raw, model.MiB)
	if _, err := p.Keyslots(t.Context(), plain.Chain()); fault.CodeOf(err) != "HV-KEY-031" {
		t.Errorf("%v", err)
	}
}
