//go:build linux

package pools

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// images are one content as raw and as qcow2.
func images(t *testing.T) map[storage.Format][]byte {
	t.Helper()
	raw := append(bytes.Repeat([]byte(marker+"\n"), 3000), make([]byte, 1<<20)...)
	raw = raw[:len(raw)/512*512]
	at := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(at, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", at, at+".qcow2").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	cow, err := os.ReadFile(at + ".qcow2")
	if err != nil {
		t.Fatal(err)
	}
	return map[storage.Format][]byte{storage.Raw: raw, storage.QCOW2: cow}
}

// content is what a guest reads of an encrypted volume.
func (p *Pools) content(t *testing.T, v storage.Volume) []byte {
	t.Helper()
	head, err := p.image(t.Context(), v.Chain())
	defer closeAll(head)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	if err := convert.Convert(t.Context(), *head, out, convert.Raw, convert.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(io.NewSectionReader(out, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWhatArrivesWithAKeyIsNeverInClear(t *testing.T) {
	needs(t)
	p, path := desk(t)
	p.Keys = ring{"house": "the-secret-of-the-house"}
	whole := images(t)
	for f, image := range whole {
		v := volume(storage.DefaultPool, f, 512)
		v.Spec.Encryption = "house"
		// Whoever looks into the pool while it arrives finds nothing either.
		half := io.MultiReader(bytes.NewReader(image[:len(image)/2]), looks(func() {
			files, _ := filepath.Glob(filepath.Join(path, "*"))
			for _, at := range files {
				if info, err := os.Stat(at); err == nil && info.Mode().IsRegular() && inClear(t, at) {
					t.Errorf("%s: while it arrives %s holds it in clear", f, at)
				}
			}
		}), bytes.NewReader(image[len(image)/2:]))
		sum, size, err := p.Receive(t.Context(), v, model.Bytes(len(image)), half)
		if err != nil || sum == "" || size != model.Bytes(len(whole[storage.Raw])) {
			t.Fatalf("%s: %s, %v", f, size, err)
		}
		v.Spec.Size = size
		if inClear(t, filepath.Join(path, v.File)) {
			t.Errorf("%s: it lies in clear", f)
		}
		if n, err := p.Size(t.Context(), v); n != size || err != nil {
			t.Errorf("%s: it has %s, %v", f, n, err)
		}
		if got := p.content(t, v); !bytes.Equal(got, whole[storage.Raw]) {
			t.Errorf("%s: a guest reads something else (%d bytes)", f, len(got))
		}
		if left, err := p.Unsettled(t.Context()); err != nil || len(left) != 1 || left[0].File != v.File {
			t.Errorf("%s: left: %v, %v", f, left, err)
		}
		if err := p.Delete(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Receive(t.Context(), v, model.Bytes(len(image)), bytes.NewReader(image[:1000])); err == nil {
			t.Error("half of it is taken for all of it")
		}
		if _, _, err := p.Receive(t.Context(), v, 4096, bytes.NewReader(bytes.Repeat([]byte{0x55}, 4096))); f == storage.QCOW2 && fault.CodeOf(err) != "HV-VOL-005" {
			t.Errorf("what is no qcow2 is taken for one: %v", err)
		}
		if err := p.Delete(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(path, "*.raw*")); len(left) > 0 {
			t.Errorf("%s: left: %v", f, left)
		}
	}
}

func TestWhatIsFetchedWithAKeyIsEncryptedBeforeItHasItsName(t *testing.T) {
	needs(t)
	p, path := desk(t)
	p.Keys = ring{"house": "the-secret-of-the-house"}
	whole := images(t)
	for f, image := range whole {
		v := volume(storage.DefaultPool, f, 512)
		v.Spec.Encryption, v.Source = "house", &storage.Source{URL: "https://images.example/disk"}
		err := p.Fetch(t.Context(), v, func(_ context.Context, into, _ *os.File, _ model.Bytes) error {
			_, err := into.Write(image)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if inClear(t, filepath.Join(path, v.File)) {
			t.Errorf("%s: it lies in clear", f)
		}
		v.Spec.Size = model.Bytes(len(whole[storage.Raw]))
		if got := p.content(t, v); !bytes.Equal(got, whole[storage.Raw]) {
			t.Errorf("%s: a guest reads something else (%d bytes)", f, len(got))
		}
		if left, err := p.Unsettled(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("%s: left: %v, %v", f, left, err)
		}
		if err := p.Delete(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}

// looks reads as nothing, and looks around when it is read.
type looks func()

func (l looks) Read([]byte) (int, error) { l(); return 0, io.EOF }
