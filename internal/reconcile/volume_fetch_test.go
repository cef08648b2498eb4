//go:build linux

package reconcile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func fetched(t *testing.T, d *fakehost.Daemon, body wire.CreateVolume) operation.Operation {
	t.Helper()
	res, err := d.Actions.CreateVolume(t.Context(), fakehost.Member, model.DefaultProject, body)
	if err != nil {
		t.Fatal(err)
	}
	return *res.Operation
}

func TestAVolumeIsFetchedAndHeldAgainstItsSum(t *testing.T) {
	h := fakehost.New(t)
	image := bytes.Repeat([]byte("image"), 1000) // of no whole number of sectors
	h.Fetch = func(_ context.Context, d storage.Download, into, _ *os.File, tell func(done, total model.Bytes)) error {
		if d.Most <= 0 || d.Local {
			t.Errorf("asked for %+v", d)
		}
		_, err := into.Write(image)
		tell(model.Bytes(len(image)), model.Bytes(len(image)))
		return err
	}
	d := h.Start()
	sum := fmt.Sprintf("%x", sha256.Sum256(image))
	body := wire.CreateVolume{Name: "data", URL: "https://images.example/disk.raw", SHA256: sum}
	d.Done(fetched(t, d, body))
	v := stored(t, h, "data")
	if v.Spec.Size != 5120 || v.Source != nil || v.SHA256 != sum {
		t.Errorf("it is %+v", v)
	}
	holds(t, d, "data", append(bytes.Clone(image), make([]byte, 120)...))

	for name, body := range map[string]wire.CreateVolume{
		"of another sum":    {Name: "more", URL: body.URL, SHA256: fmt.Sprintf("%x", sha256.Sum256(nil))},
		"no image of qcow2": {Name: "more", URL: body.URL, VolumeSpec: storage.VolumeSpec{Format: storage.QCOW2}},
	} {
		if end := d.Ended(fetched(t, d, body)); end.State != operation.Failed {
			t.Errorf("%s: it is %s", name, end.State)
		}
	}
	d.Until("what failed to go", func() bool { return len(h.PoolFiles("pool")) == 1 })
	for _, wrong := range []wire.CreateVolume{
		{Name: "more", URL: "file:///etc/shadow"}, {Name: "more", SHA256: sum}, {Name: "more", URL: body.URL, SHA256: "abc"},
		{Name: "more", URL: body.URL, VolumeSpec: storage.VolumeSpec{Size: model.MiB}}, {Name: "more", URL: body.URL, VolumeSpec: storage.VolumeSpec{Image: "debian"}},
	} {
		if _, err := d.Actions.CreateVolume(t.Context(), fakehost.Member, model.DefaultProject, wrong); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// What is fetched is encrypted where there is a key for new volumes, and holds what it held.
func TestWhatIsFetchedIsEncryptedWhereItIsToBe(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("no qemu-img: scripts/deps.sh test")
	}
	h := fakehost.New(t)
	image := bytes.Repeat([]byte("image"), 1024)
	h.Fetch = func(_ context.Context, _ storage.Download, into, _ *os.File, _ func(done, total model.Bytes)) error {
		_, err := into.Write(image)
		return err
	}
	d := h.Start()
	res, err := d.Actions.CreateKey(t.Context(), fakehost.Root, wire.CreateKey{Name: storage.DefaultKey, Passphrase: phrase})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	body := wire.CreateVolume{Name: "data", URL: "https://images.example/disk.raw"}
	d.Done(fetched(t, d, body))
	v := stored(t, h, "data")
	if v.Head().Key != storage.DefaultKey || v.Spec.Size != model.Bytes(len(image)) {
		t.Errorf("it is %+v", v)
	}
	sizes(t, h, v)
	plain := wire.CreateVolume{Name: "plain", URL: body.URL, VolumeSpec: storage.VolumeSpec{Encryption: storage.NoKey}}
	d.Done(fetched(t, d, plain))
	holds(t, d, "plain", image)
}

// sizes looks at all that lies in the pool beside what others made: one encrypted file, and nothing of what was fetched.
func sizes(t *testing.T, h *fakehost.Host, v storage.Volume) {
	t.Helper()
	f, err := h.Volumes.Open(t.Context(), v.Spec.Pool, v.File, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(f)
	if err != nil || bytes.Contains(text, []byte("imageimage")) || len(text) < int(v.Spec.Size) {
		t.Errorf("%d bytes, in clear: %v; %v", len(text), bytes.Contains(text, []byte("imageimage")), err)
	}
	if left, err := h.Volumes.Unsettled(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
