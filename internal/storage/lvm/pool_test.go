//go:build linux

package lvm

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/storagetest"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// thinPool is hv-helper's part, on files. The real one is tested in the lab.
type thinPool struct {
	folder string
	bytes  int64

	mu     sync.Mutex
	states map[string]privilege.ThinState
}

func (f *thinPool) path(name string) string { return filepath.Join(f.folder, name) }

func (f *thinPool) ThinPool(_ context.Context, p privilege.ThinPool) (privilege.ThinPoolReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := privilege.ThinPoolReply{Bytes: f.bytes, Extent: 4 << 20}
	var used int64
	for _, name := range slices.Sorted(maps.Keys(f.states)) {
		info, err := os.Stat(f.path(name))
		if err != nil {
			return r, err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return r, errors.New("no stat")
		}
		takes := st.Blocks * 512
		used += takes
		if p.Only == "" || p.Only == name {
			r.Volumes = append(r.Volumes, privilege.ThinVolume{Name: name, Bytes: info.Size(), Allocated: takes, State: f.states[name]})
		}
	}
	r.DataPercent, r.MetaPercent = float64(used)*100/float64(f.bytes), 10.5
	return r, nil
}

func (f *thinPool) ThinChange(_ context.Context, c privilege.ThinChange) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	state, there := f.states[c.Name]
	switch {
	case c.Do == privilege.ThinMake && there:
		return fault.New(fault.Conflict, "it is there")
	case c.Do == privilege.ThinMake:
		f.states[c.Name] = privilege.ThinMaking
		return errors.Join(os.WriteFile(f.path(c.Name), nil, 0o600), os.Truncate(f.path(c.Name), c.Bytes))
	case c.Do == privilege.ThinClone && there && state == "":
		return nil
	case c.Do == privilege.ThinClone:
		if _, ok := f.states[c.From]; !ok {
			return fault.New(fault.NotFound, "nothing there")
		}
		text, err := os.ReadFile(f.path(c.From))
		f.states[c.Name] = ""
		return errors.Join(err, os.WriteFile(f.path(c.Name), text, 0o600))
	case c.Do == privilege.ThinRemove:
		delete(f.states, c.Name)
		_ = os.Remove(f.path(c.Name))
		return nil
	case !there:
		return fault.New(fault.NotFound, "nothing there")
	case c.Do == privilege.ThinGrow:
		return os.Truncate(f.path(c.Name), c.Bytes)
	}
	f.states[c.Name] = c.State
	return nil
}

func (f *thinPool) ThinOpen(_ context.Context, o privilege.ThinOpen) (*os.File, error) {
	f.mu.Lock()
	state, there := f.states[o.Name]
	f.mu.Unlock()
	if !there || state == privilege.ThinMaking && !o.Begun {
		return nil, fault.New(fault.NotFound, "nothing there")
	}
	mode := os.O_RDWR
	if o.ReadOnly {
		mode = os.O_RDONLY
	}
	return os.OpenFile(f.path(o.Name), mode, 0)
}

// onFiles is a pool of which the suite hears that its volumes are what they are here.
type onFiles struct{ *Pool }

func (p onFiles) Can() storage.Capabilities {
	c := p.Pool.Can()
	c.Block = false
	return c
}

func opened(t *testing.T, hands Hands) *Pool {
	t.Helper()
	p, err := Open(t.Context(), "test", "vg", "thin", hands)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestAThinPoolIsAPool(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Place {
		hands := &thinPool{folder: t.TempDir(), bytes: 1 << 30, states: map[string]privilege.ThinState{}}
		return storagetest.Place{
			Open: func(t *testing.T) backend.Backend { return onFiles{opened(t, hands)} },
			Left: func(*testing.T) []string {
				return slices.DeleteFunc(slices.Collect(maps.Keys(hands.states)), func(s string) bool { return s == privilege.ThinNotes })
			},
		}
	})
}

func TestWhatAThinPoolCannotKeepIsRefused(t *testing.T) {
	p := opened(t, &thinPool{folder: t.TempDir(), bytes: 1 << 30, states: map[string]privilege.ThinState{}})
	const layer = uid + ".qcow2"
	if err := p.Make(t.Context(), layer, 1<<20, nil); fault.CodeOf(err) != "HV-POOL-014" {
		t.Errorf("a layer: %v", err)
	}
	if there, err := p.Exists(t.Context(), layer); there || err != nil {
		t.Errorf("%v, %v", there, err)
	}
	if err := p.Remove(t.Context(), layer); err != nil {
		t.Error(err)
	}
	if c := p.Can(); c.Overlays || !c.Block || !c.Reflink || c.Holds(storage.QCOW2) || c.Step != 4<<20 {
		t.Errorf("it can %+v", c)
	}
}

func TestAThinPoolIsAsFullAsTheFullerOfItsDataAndItsMetadata(t *testing.T) {
	p := opened(t, &thinPool{folder: t.TempDir(), bytes: 1 << 30, states: map[string]privilege.ThinState{}})
	room, err := p.Room(t.Context())
	if err != nil || room.MetadataPercent != 11 || room.UsedPercent() != 11 || room.Fullest("thin") != "the metadata of pool thin" {
		t.Errorf("%+v, %v", room, err)
	}
	room.Free = room.Size / 2
	if room.UsedPercent() != 50 || room.Fullest("thin") != "pool thin" {
		t.Errorf("%+v: %d %%", room, room.UsedPercent())
	}
}

// without fails the calls that it is told to.
type without struct {
	*thinPool
	refuse privilege.ThinDo
}

func (w *without) ThinChange(ctx context.Context, c privilege.ThinChange) error {
	if c.Do == w.refuse {
		return fault.New(fault.Unavailable, "cut off")
	}
	return w.thinPool.ThinChange(ctx, c)
}

func TestAVolumeThatWasCutOffIsMadeAnew(t *testing.T) {
	hands := &without{&thinPool{folder: t.TempDir(), bytes: 1 << 30, states: map[string]privilege.ThinState{}}, ""}
	p := opened(t, hands)
	hands.refuse = privilege.ThinSet
	const name = uid + ".raw"
	if err := p.Make(t.Context(), name, 1<<20, nil); err == nil {
		t.Fatal("it was made")
	}
	hands.states[name] = privilege.ThinMaking // its removal was cut off, too
	if err := os.WriteFile(hands.path(name), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	hands.refuse = ""
	if there, err := p.Exists(t.Context(), name); there || err != nil {
		t.Errorf("half of it is there: %v", err)
	}
	if err := p.Make(t.Context(), name, 1<<20, nil); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(t.Context(), name, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got := make([]byte, 4)
	if _, err := io.ReadFull(f, got); err != nil || string(got) != "\x00\x00\x00\x00" {
		t.Errorf("it holds %q, %v", got, err)
	}
}
