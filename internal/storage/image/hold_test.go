//go:build linux

package image

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func fetched(source storage.ImageSource) storage.Image {
	return storage.Image{Metadata: model.Metadata{Name: "i", UID: uid}, Spec: storage.ImageSpec{Source: source}}
}

func TestADownloadIsHeldByOneAndWaitedForNoLongerThanWished(t *testing.T) {
	r := newRig(t)
	i := fetched(storage.ImageSource{URL: "https://x/d"})
	free, err := r.Hold(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	given := errors.New("given up")
	waits := make(chan error)
	go func() { _, err := r.Hold(ctx, i); waits <- err }()
	cancel(given)
	if err := <-waits; !errors.Is(err, given) {
		t.Errorf("%v", err)
	}
	free()
	if free, err = r.Hold(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	free()
}

func TestWhatCameInAnotherWayIsNotGoneOnWith(t *testing.T) {
	names := map[string]bool{}
	for _, s := range []storage.ImageSource{{}, {Local: true}, {Insecure: true}, {Local: true, Insecure: true}} {
		s.URL = "https://x/d"
		names[arriving(fetched(s))] = true
	}
	if len(names) != 4 {
		t.Errorf("they share: %v", names)
	}
}

func TestADownloadOfWhichNothingBecomesIsNotKept(t *testing.T) {
	text := append(bytes.Repeat([]byte("no image at all "), 4096), make([]byte, 4096)...)
	for name, c := range map[string]struct {
		content []byte
		spec    storage.ImageSpec
		code    string
	}{
		"nothing that is known": {text, storage.ImageSpec{}, "HV-IMG-010"},
		"packed, and cut":       {gzipped(disk())[:500], storage.ImageSpec{}, "HV-IMG-010"},
		"no ISO":                {disk(), storage.ImageSpec{Kind: storage.ISOImage}, "HV-IMG-010"},
	} {
		r := newRig(t)
		c.spec.Source.URL = "https://x/d"
		if _, err := r.of(c.content, c.spec); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(filepath.Join(r.path, "incoming")); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
	}
}

// cramped is a pool with a page of room.
type cramped struct{ Place }

func (cramped) Room(context.Context) (storage.Room, error) {
	return storage.Room{Size: model.GiB, Free: 4096}, nil
}

func TestAnImageForWhichThereIsNoRoomIsNotBegun(t *testing.T) {
	r := newRig(t)
	r.place = cramped{r.place}
	_, err := r.of(disk(), storage.ImageSpec{Source: storage.ImageSource{Upload: "d"}})
	if fault.KindOf(err) != fault.Exhausted || fault.CodeOf(err) != "HV-IMG-002" {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(r.path + "-pool"); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// A compressed format is a packed one: what a few KiB of it name may be much.
func TestAFormatThatBurstsIsNotConverted(t *testing.T) {
	content := make([]byte, 256<<20)
	for i := range content {
		content[i] = 1
	}
	content[510], content[511] = 0x55, 0xaa
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(in, content, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	packed := exec.Command("qemu-img", "convert", "-f", "raw", "-c", "-O", "qcow2", "-o", "compression_type=zstd", in, out)
	if said, err := packed.CombinedOutput(); err != nil {
		t.Fatalf("%s", said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if 200*len(b)+64<<20 > len(content) {
		t.Skipf("%d bytes are no bomb", len(b))
	}
	if _, err := r.of(b, storage.ImageSpec{Source: storage.ImageSource{Upload: "bomb"}}); fault.CodeOf(err) != "HV-IMG-014" {
		t.Errorf("%d bytes: %v", len(b), err)
	}
}
