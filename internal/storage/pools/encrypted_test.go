//go:build linux

package pools

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// ring is what opens volumes, by key.
type ring map[string]string

func (r ring) Secret(_ context.Context, key string) (string, error) {
	if s := r[key]; s != "" {
		return s, nil
	}
	return "", fault.New(fault.Precondition, "key %q is locked", key).WithCode("HV-KEY-002")
}

const marker = "a marker in clear, which no file may hold"

// write writes the marker as a guest would, and read reports whether a guest reads it.
func mark(t *testing.T, path string, f storage.Format, secret string) {
	t.Helper()
	content := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(content, bytes.Repeat([]byte(marker+"\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(at, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := "driver=luks,key-secret=s,file.driver=file,file.filename=" + path
	if f == storage.QCOW2 {
		opts = "driver=qcow2,encrypt.format=luks,encrypt.key-secret=s,file.driver=file,file.filename=" + path
	}
	out, err := exec.Command("qemu-io", "--object", "secret,id=s,format=raw,file="+at, "--image-opts", "-c", "write -s "+content+" 64k 4k", opts).CombinedOutput()
	if err != nil {
		t.Fatalf("%s", out)
	}
}

func inClear(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(text, []byte("a marker in clear"))
}

func needs(t *testing.T) {
	t.Helper()
	for _, p := range []string{"qemu-img", "qemu-io"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip("no " + p + ": scripts/deps.sh test")
		}
	}
}

func TestAnEncryptedVolumeGrowsIsCopiedAndHoldsNothingInClear(t *testing.T) {
	needs(t)
	p, path := desk(t)
	p.Keys = ring{"house": "the-secret-of-the-house", "other": "another-secret"}
	for _, f := range []storage.Format{storage.Raw, storage.QCOW2} {
		v := volume(storage.DefaultPool, f, 4*model.MiB)
		v.Spec.Encryption = "house"
		if err := p.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		mark(t, filepath.Join(path, v.File), f, "the-secret-of-the-house")
		if inClear(t, filepath.Join(path, v.File)) {
			t.Errorf("%s: what was written lies in clear", f)
		}
		if n, err := p.Size(t.Context(), v); n != 4*model.MiB || err != nil {
			t.Errorf("%s: it has %s, %v", f, n, err)
		}
		v.Spec.Size = 6 * model.MiB
		if err := p.Grow(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if n, err := p.Size(t.Context(), v); n != 6*model.MiB || err != nil {
			t.Errorf("%s: it has grown to %s, %v", f, n, err)
		}
		for i, want := range []string{"house", "other", ""} {
			for j, g := range []storage.Format{storage.Raw, storage.QCOW2} {
				to := v
				to.Spec.Format, to.Spec.Encryption = g, want
				to.File = storage.VolumeFile("6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a"+string(rune('2'+i))+string(rune('0'+j)), g)
				if err := p.Copy(t.Context(), v, to, func(float64) {}); err != nil {
					t.Fatalf("%s to %s with key %q: %v", f, g, want, err)
				}
				if found := inClear(t, filepath.Join(path, to.File)); found != (want == "") {
					t.Errorf("%s to %s with key %q: in clear %v", f, g, want, found)
				}
			}
		}
		if err := p.Discard(t.Context(), v.Chain()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALayerIsOpenedByWhatItWasGivenAndByNothingElse(t *testing.T) {
	needs(t)
	p, path := desk(t)
	keys := ring{"house": "first"}
	p.Keys = keys
	base := volume(storage.DefaultPool, storage.Raw, 4*model.MiB)
	base.Spec.Encryption = "house"
	if err := p.Create(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	mark(t, filepath.Join(path, base.File), storage.Raw, "first")
	chain, err := storage.Overlay(base.Chain(), "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a11", base.Spec.Size)
	if err != nil || chain[1].Key != "house" {
		t.Fatalf("%+v, %v", chain, err)
	}
	over := base.On(chain)
	if err := p.Create(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	for _, l := range chain {
		for range 2 {
			if err := p.AddSecret(t.Context(), l, "first", "second"); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.DropSecret(t.Context(), l, "first", "second"); err != nil {
			t.Fatal(err)
		}
		for secret, want := range map[string]bool{"first": false, "second": true} {
			if yes, err := p.Opens(t.Context(), l, secret); yes != want || err != nil {
				t.Errorf("%s opens %s: %v, %v", secret, l.File(), yes, err)
			}
		}
	}
	to := volume(storage.DefaultPool, storage.Raw, 4*model.MiB)
	to.File = storage.VolumeFile("6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a12", storage.Raw)
	if err := p.Copy(t.Context(), over, to, nil); fault.CodeOf(err) != "HV-KEY-023" {
		t.Errorf("with the secret of before: %v", err)
	}
	keys["house"] = "second"
	if err := p.Copy(t.Context(), over, to, nil); err != nil || !inClear(t, filepath.Join(path, to.File)) {
		t.Errorf("with the new one: %v", err)
	}
	delete(keys, "house")
	if err := p.Copy(t.Context(), over, to, nil); fault.CodeOf(err) != "HV-KEY-002" {
		t.Errorf("with the key locked: %v", err)
	}
	if err := p.Create(t.Context(), over); fault.CodeOf(err) != "HV-KEY-002" {
		t.Errorf("a layer with the key locked: %v", err)
	}
}

// A secret is never among the arguments of a program, where everybody on the host reads it; here the program is a mirror of them.
func TestNoSecretIsInAnErrorOfQEMUs(t *testing.T) {
	needs(t)
	p, path := desk(t)
	p.Keys = ring{"house": "secret-that-nobody-hears"}
	v := volume(storage.DefaultPool, storage.QCOW2, 4*model.MiB)
	v.Spec.Encryption = "house"
	if err := p.Create(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(path, v.File))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, err = convert.Compare(t.Context(), convert.Image{File: f, Format: convert.QCOW2, Secret: "a-wrong-secret"}, convert.Image{File: f, Format: convert.QCOW2, Secret: "a-wrong-secret"})
	if fault.CodeOf(err) != "HV-KEY-023" || bytes.Contains([]byte(err.Error()), []byte("wrong-secret")) {
		t.Errorf("%v", err)
	}
}
