//go:build linux

package dir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

const uid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

func pool(t *testing.T) (*Pool, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pool")
	p, err := Open("default", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, path
}

func volume(f storage.Format, size model.Bytes) storage.Volume {
	return storage.Volume{
		Metadata: model.Metadata{Name: "v", UID: uid}, File: storage.VolumeFile(uid, f),
		Spec: storage.VolumeSpec{Pool: "default", Format: f, Size: size},
	}
}

func TestAnEmptyVolumeTakesNoRoomAndIsItsOwnersOnly(t *testing.T) {
	p, path := pool(t)
	v := volume(storage.Raw, 10*model.GiB)
	for range 2 { // every step may run twice
		if err := p.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(path, v.File))
	if err != nil || info.Size() != int64(v.Spec.Size) || info.Mode() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if n, err := p.Allocated(t.Context(), v); err != nil || n > model.MiB {
		t.Errorf("%s allocated, %v", n, err)
	}
	for range 2 {
		if err := p.Delete(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := p.Exists(t.Context(), "default", v.File); there || err != nil {
		t.Errorf("there %v, %v", there, err)
	}
	if _, err := p.Open(t.Context(), "default", v.File, true); !errors.Is(err, fault.NotFound) {
		t.Errorf("opened what is gone: %v", err)
	}
}

func TestAnImportIsThereWholeOrNotAtAll(t *testing.T) {
	p, path := pool(t)
	content := bytes.Repeat([]byte("hyper"), 1000)
	file := storage.VolumeFile(uid, storage.Raw)
	if _, _, err := p.Receive(t.Context(), "default", file, storage.Raw, 6000, bytes.NewReader(content)); !errors.Is(err, fault.Invalid) {
		t.Errorf("a short import: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Receive(cancelled, "default", file, storage.Raw, 5000, bytes.NewReader(content)); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a cancelled import: %v", err)
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	sum, virtual, err := p.Receive(t.Context(), "default", file, storage.Raw, 5000, bytes.NewReader(content))
	want := sha256.Sum256(content)
	if err != nil || sum != hex.EncodeToString(want[:]) || virtual != 5120 {
		t.Errorf("%s %d %v", sum, virtual, err)
	}
	if info, err := os.Stat(filepath.Join(path, file)); err != nil || info.Size() != 5120 || info.Mode() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestWhatAnEarlierDaemonHadBegunIsSwept(t *testing.T) {
	path := t.TempDir()
	left := filepath.Join(path, storage.VolumeFile(uid, storage.Raw)+folder.Partial)
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open("default", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestNoNameReachesOutOfThePool(t *testing.T) {
	p, _ := pool(t)
	for _, name := range []string{"../x.raw", "/etc/shadow", "a.raw", uid + ".raw/../x", uid + ".RAW", "", uid + ".raw\x00"} {
		if _, err := p.Open(t.Context(), "default", name, true); err == nil {
			t.Errorf("%q was opened", name)
		}
	}
	if _, err := p.Open(t.Context(), "other", uid+".raw", true); !errors.Is(err, fault.NotFound) {
		t.Errorf("another pool: %v", err)
	}
}

// header is a qcow2 image that QEMU would open: version 3, 1 GiB.
func header(edit func([]byte)) []byte {
	h := make([]byte, 512)
	binary.BigEndian.PutUint32(h[0:], qcow2Magic)
	binary.BigEndian.PutUint32(h[4:], 3)
	binary.BigEndian.PutUint32(h[20:], 16)
	binary.BigEndian.PutUint64(h[24:], 1<<30)
	edit(h)
	return h
}

func TestAnImageThatNamesAnotherFileIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func([]byte)
		want string
	}{
		"plain":         {func([]byte) {}, ""},
		"backing file":  {func(h []byte) { binary.BigEndian.PutUint64(h[8:], 400) }, "backing file"},
		"backing size":  {func(h []byte) { binary.BigEndian.PutUint32(h[16:], 11) }, "backing file"},
		"data file":     {func(h []byte) { h[79] = qcow2DataFile }, "another file"},
		"corrupt":       {func(h []byte) { h[79] = qcow2Corrupt }, "corrupt"},
		"unknown":       {func(h []byte) { h[72] = 1 }, "does not know"},
		"encrypted":     {func(h []byte) { h[35] = 2 }, "encrypted"},
		"version":       {func(h []byte) { h[7] = 9 }, "version"},
		"size":          {func(h []byte) { binary.BigEndian.PutUint64(h[24:], 1<<62) }, "virtual size"},
		"not qcow2":     {func(h []byte) { h[0] = 0 }, "not qcow2"},
		"version 2":     {func(h []byte) { h[7] = 2 }, ""},
		"extended L2 s": {func(h []byte) { h[79] = qcow2ExtendedL2 | qcow2Compression }, ""},
	} {
		p, path := pool(t)
		image := header(c.edit)
		_, virtual, err := p.Receive(t.Context(), "default", storage.VolumeFile(uid, storage.QCOW2), storage.QCOW2, model.Bytes(len(image)), bytes.NewReader(image))
		if c.want == "" && (err != nil || virtual != model.GiB) {
			t.Errorf("%s: %s, %v", name, virtual, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(path); c.want != "" && len(left) != 0 {
			t.Errorf("%s left %v", name, left)
		}
	}
}

func TestWhatWasReceivedIsUnsettledUntilAVolumeNamesItOrItIsDeleted(t *testing.T) {
	p, path := pool(t)
	v := storage.Volume{Spec: storage.VolumeSpec{Pool: "default"}, File: storage.VolumeFile(uid, storage.Raw)}
	for name, end := range map[string]func(context.Context, storage.Volume) error{"settled": p.Settle, "deleted": p.Delete} {
		if _, _, err := p.Receive(t.Context(), "default", v.File, storage.Raw, 512, bytes.NewReader(make([]byte, 512))); err != nil {
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

func FuzzQCOW2(f *testing.F) {
	f.Add(header(func([]byte) {}))
	f.Add([]byte("QFI\xfb"))
	f.Fuzz(func(t *testing.T, image []byte) {
		n, err := qcow2Size(bytes.NewReader(image))
		if err == nil && (n <= 0 || n > storage.MaxVolume) {
			t.Errorf("a virtual size of %d passed", n)
		}
	})
}
