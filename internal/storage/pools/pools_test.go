//go:build linux

package pools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/dir"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

const uid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

// desk has the default pool open.
func desk(t *testing.T) (*Pools, string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(base, "pool")
	p := New(func(ctx context.Context, name string, spec storage.PoolSpec, fresh bool) (backend.Backend, error) {
		if name == storage.DefaultPool {
			return dir.Open(name, path)
		}
		return dir.OpenAt(ctx, name, spec.Path, fresh, nil)
	})
	t.Cleanup(func() { _ = p.Close() })
	if _, err := p.Reach(t.Context(), storage.DefaultPool, storage.PoolSpec{}); err != nil {
		t.Fatal(err)
	}
	return p, path
}

func volume(pool string, f storage.Format, size model.Bytes) storage.Volume {
	return storage.Volume{
		Metadata: model.Metadata{Name: "v", UID: uid}, File: storage.VolumeFile(uid, f),
		Spec: storage.VolumeSpec{Pool: pool, Format: f, Size: size},
	}
}

func arriving(pool, file string, f storage.Format) storage.Volume {
	return storage.Volume{File: file, Spec: storage.VolumeSpec{Pool: pool, Format: f}}
}

func TestAPoolIsFoundByItsName(t *testing.T) {
	p, path := desk(t)
	fast := storage.PoolSpec{Path: filepath.Join(filepath.Dir(path), "fast")}
	if _, err := p.Make(t.Context(), "fast", fast); err != nil {
		t.Fatal(err)
	}
	for _, v := range []storage.Volume{volume("", storage.Raw, model.GiB), volume("fast", storage.QCOW2, model.GiB)} {
		for range 2 {
			if err := p.Create(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		if u, err := p.Usage(t.Context(), v.Spec.Pool, v.File); err != nil || u.Virtual != model.GiB || u.Allocated > model.MiB {
			t.Errorf("%q: %+v, %v", v.Spec.Pool, u, err)
		}
	}
	if _, err := os.Stat(filepath.Join(fast.Path, uid+".qcow2")); err != nil {
		t.Error(err)
	}
	if there, err := p.Exists(t.Context(), storage.DefaultPool, uid+".qcow2"); there || err != nil {
		t.Errorf("it is in both: %v", err)
	}
	if _, err := p.Reach(t.Context(), "fast", storage.PoolSpec{Path: "/srv/elsewhere"}); !errors.Is(err, fault.Conflict) {
		t.Errorf("it was moved while it is open: %v", err)
	}
	if err := p.Leave("fast"); err != nil {
		t.Error(err)
	}
	if _, err := p.Of("fast"); fault.CodeOf(err) != "HV-POOL-001" {
		t.Errorf("it is still known: %v", err)
	}
}

func TestAPoolThatCannotBeOpenedIsKnownAndSaysWhy(t *testing.T) {
	p, path := desk(t)
	where := storage.PoolSpec{Path: filepath.Join(filepath.Dir(path), "mount", "fast")}
	for _, open := range []func(context.Context, string, storage.PoolSpec) (storage.Capabilities, error){p.Reach, p.Make} {
		if _, err := open(t.Context(), "fast", where); err == nil {
			t.Fatal("it was opened")
		}
	}
	err := p.Create(t.Context(), volume("fast", storage.Raw, model.GiB))
	if fault.CodeOf(err) != "HV-POOL-002" || !strings.Contains(err.Error(), where.Path) {
		t.Errorf("it says %v", err)
	}
	if _, err := p.Unsettled(t.Context()); err != nil {
		t.Errorf("the others are kept waiting: %v", err)
	}
	if !slices.Equal(p.Names(), []string{storage.DefaultPool, "fast"}) {
		t.Errorf("known are %v", p.Names())
	}
	if err := os.Mkdir(filepath.Dir(where.Path), 0o700); err != nil { // it is mounted at last
		t.Fatal(err)
	}
	if _, err := p.Reach(t.Context(), "fast", where); err == nil {
		t.Error("an empty folder stands for what is not there")
	}
	if _, err := p.Make(t.Context(), "fast", where); err != nil {
		t.Error(err)
	}
}

func TestAnImportIsThereWholeOrNotAtAll(t *testing.T) {
	p, path := desk(t)
	content := bytes.Repeat([]byte("hyper"), 1000)
	file := storage.VolumeFile(uid, storage.Raw)
	if _, _, err := p.Receive(t.Context(), arriving("default", file, storage.Raw), 6000, bytes.NewReader(content)); !errors.Is(err, fault.Invalid) {
		t.Errorf("a short import: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Receive(cancelled, arriving("default", file, storage.Raw), 5000, bytes.NewReader(content)); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a cancelled import: %v", err)
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	sum, virtual, err := p.Receive(t.Context(), arriving("default", file, storage.Raw), 5000, bytes.NewReader(content))
	want := sha256.Sum256(content)
	if err != nil || sum != hex.EncodeToString(want[:]) || virtual != 5120 {
		t.Errorf("%s %d %v", sum, virtual, err)
	}
	if info, err := os.Stat(filepath.Join(path, file)); err != nil || info.Size() != 5120 || info.Mode() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestAnImageThatNamesAnotherFileIsNotReceived(t *testing.T) {
	p, path := desk(t)
	image := make([]byte, 1<<16)
	made, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err == nil {
		err = errors.Join(qcow2.Make(made, qcow2.Image{Size: model.GiB}), made.Sync())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.ReadAt(image, 0); err != nil {
		t.Fatal(err)
	}
	_ = made.Close()
	file := storage.VolumeFile(uid, storage.QCOW2)
	binary.BigEndian.PutUint64(image[8:], 400)
	if _, _, err := p.Receive(t.Context(), arriving("", file, storage.QCOW2), model.Bytes(len(image)), bytes.NewReader(image)); fault.CodeOf(err) != "HV-VOL-005" {
		t.Errorf("with a backing file: %v", err)
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	binary.BigEndian.PutUint64(image[8:], 0)
	if _, virtual, err := p.Receive(t.Context(), arriving("", file, storage.QCOW2), model.Bytes(len(image)), bytes.NewReader(image)); err != nil || virtual != model.GiB {
		t.Errorf("%s, %v", virtual, err)
	}
}

func TestWhatWasReceivedIsUnsettledUntilAVolumeNamesItOrItIsDeleted(t *testing.T) {
	p, path := desk(t)
	v := storage.Volume{Spec: storage.VolumeSpec{Pool: "default"}, File: storage.VolumeFile(uid, storage.Raw)}
	for name, end := range map[string]func(context.Context, storage.Volume) error{"settled": p.Settle, "deleted": p.Delete} {
		if err := p.Delete(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Receive(t.Context(), arriving("default", v.File, storage.Raw), 512, bytes.NewReader(make([]byte, 512))); err != nil {
			t.Fatal(err)
		}
		if left, err := p.Unsettled(t.Context()); err != nil || len(left) != 1 || left[0].File != v.File {
			t.Errorf("before it is %s: %+v, %v", name, left, err)
		}
		if err := end(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if left, err := p.Unsettled(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("%s, and %+v is unsettled, %v", name, left, err)
		}
	}
	if left, _ := os.ReadDir(path); len(left) > 1 {
		t.Errorf("left %v", left)
	}
}
