package pools

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/dir"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// roomy is a pool below which there is so much room.
type roomy struct {
	backend.Backend
	room *storage.Room
}

func (r roomy) Room(context.Context) (storage.Room, error) { return *r.room, nil }

func TestWhatIsFetchedOrExportedStopsAtTheWatermark(t *testing.T) {
	room, path := storage.Room{Size: 1000 * model.MiB, Free: 500 * model.MiB}, filepath.Join(t.TempDir(), "pool")
	p := New(func(_ context.Context, name string, _ storage.PoolSpec, _ bool) (backend.Backend, error) {
		d, err := dir.Open(name, path)
		return roomy{d, &room}, err
	})
	t.Cleanup(func() { _ = p.Close() })
	v := volume(storage.DefaultPool, storage.Raw, model.MiB)
	fetch := func() (asked model.Bytes, err error) {
		err = p.Fetch(t.Context(), v, func(_ context.Context, _, _ *os.File, most model.Bytes) error {
			asked = most
			return errors.New("enough")
		})
		return asked, err
	}
	for _, c := range []struct {
		stop, meta int
		want       model.Bytes
	}{{0, 0, 440 * model.MiB}, {81, 0, 300 * model.MiB}, {51, 0, 0}, {40, 0, 0}, {81, 81, 0}} {
		room.MetadataPercent = c.meta
		if _, err := p.Reach(t.Context(), storage.DefaultPool, storage.PoolSpec{StopPercent: c.stop}); err != nil {
			t.Fatal(err)
		}
		if got, err := fetch(); got != c.want || (c.want == 0) != (fault.CodeOf(err) == "HV-POOL-005") {
			t.Errorf("up to %d %%: at most %s, %v; want %s", c.stop, got, err, c.want)
		}
	}
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("no qemu-img: scripts/deps.sh test")
	}
	if err := p.Create(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	room.MetadataPercent = 0
	if _, err := p.Reach(t.Context(), storage.DefaultPool, storage.PoolSpec{StopPercent: 51}); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(t.Context(), storage.DefaultPool, v.File, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(make([]byte, model.MiB))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if f, err := p.Export(t.Context(), v, "raw"); fault.CodeOf(err) != "HV-POOL-003" {
		t.Errorf("an export into a pool that is full up to its watermark: %v, %v", f, err)
	}
}
