//go:build linux

package reconcile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// bootable is a raw disk of 4 MiB with a boot sector.
func bootable() []byte {
	b := make([]byte, 4<<20)
	b[510], b[511] = 0x55, 0xaa
	copy(b[1<<20:], "content")
	return b
}

func needImages(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed (qemu-utils)")
	}
}

func upload(t *testing.T, d *fakehost.Daemon, name string, content []byte) operation.Operation {
	t.Helper()
	res, err := d.Actions.UploadImage(t.Context(), fakehost.Member, wire.ImportImage{Name: name}, "default", model.Bytes(len(content)), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return *res.Operation
}

func TestAnImageIsMadeAndAVolumeStandsOnIt(t *testing.T) {
	needImages(t)
	h := fakehost.New(t)
	d := h.Start()
	ctx := t.Context()
	d.Done(upload(t, d, "base", bootable()))
	i, err := d.View.Image(ctx, fakehost.Ref("base"))
	if err != nil || !i.Status.Ready || i.Status.Was != "raw" || i.Status.Size != 4*model.MiB {
		t.Fatalf("%+v %v", i, err)
	}
	create := func(name string, spec storage.VolumeSpec) (operation.Operation, error) {
		res, err := d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: name, VolumeSpec: spec})
		if err != nil {
			return operation.Operation{}, err
		}
		return *res.Operation, nil
	}
	made, err := create("root", storage.VolumeSpec{Image: "base", Size: 8 * model.MiB})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(made)
	v, err := d.View.Volume(ctx, fakehost.Ref("root"))
	if err != nil || !v.Ready || v.Spec.Format != storage.QCOW2 || v.Spec.Size != 8*model.MiB {
		t.Errorf("%+v %v", v, err)
	}
	if i, err = d.View.Image(ctx, fakehost.Ref("base")); err != nil || len(i.UsedBy) != 1 || i.UsedBy[0] != "volume/root" {
		t.Errorf("used by %v, %v", i.UsedBy, err)
	}
	if _, err := d.Actions.DeleteImage(ctx, fakehost.Member, fakehost.Ref("base")); fault.CodeOf(err) != "HV-IMG-024" {
		t.Errorf("an image that is in use: %v", err)
	}
	for name, spec := range map[string]storage.VolumeSpec{
		"too small": {Image: "base", Size: model.MiB}, "raw": {Image: "base", Format: storage.Raw}, "unknown": {Image: "none"},
	} {
		if _, err := create("x", spec); err == nil {
			t.Errorf("%s: it is made", name)
		}
	}
	res, err := d.Actions.DeleteVolume(ctx, fakehost.Member, fakehost.Ref("root"), true)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	file, err := d.Actions.OpenImage(ctx, fakehost.Member, fakehost.Ref("base"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := h.Images.Open(ctx, file) // the volume's end did not take the image along
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	res, err = d.Actions.DeleteImage(ctx, fakehost.Member, fakehost.Ref("base"))
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if _, err := h.Images.Open(ctx, file); fault.KindOf(err) != fault.NotFound {
		t.Errorf("its file is left: %v", err)
	}
}

// An ISO is the medium of many drives: each volume of it is the image itself, and takes it along neither when it is
// deleted nor when it is made larger.
func TestAVolumeOfAnISOIsTheImageItself(t *testing.T) {
	needImages(t)
	h := fakehost.New(t)
	d := h.Start()
	ctx := t.Context()
	iso := make([]byte, 64<<11)
	copy(iso[16<<11:], "\x01CD001\x01")
	iso[16<<11+80], iso[16<<11+84+1] = 64, 64 // sectors, in both orders
	iso[16<<11+129], iso[16<<11+130] = 8, 8
	copy(iso[17<<11:], "\xffCD001\x01")
	res, err := d.Actions.UploadImage(ctx, fakehost.Member, wire.ImportImage{Name: "installer", ImageSpec: storage.ImageSpec{Kind: storage.ISOImage}}, "default",
		model.Bytes(len(iso)), bytes.NewReader(iso))
	d.Did(res, err)
	for _, name := range []string{"one", "two"} {
		d.Did(d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Image: "installer"}}))
		v, err := d.View.Volume(ctx, fakehost.Ref(name))
		if err != nil || !v.Ready || v.Spec.Format != storage.Raw || v.Spec.Size != model.Bytes(len(iso)) {
			t.Fatalf("%+v %v", v, err)
		}
	}
	file, err := d.Actions.OpenImage(ctx, fakehost.Member, fakehost.Ref("installer"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "x", VolumeSpec: storage.VolumeSpec{Image: "installer", Size: model.MiB}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("one that is larger: %v", err)
	}
	d.Did(d.Actions.ResizeVolume(ctx, fakehost.Member, fakehost.Ref("one"), model.MiB))
	d.Did(d.Actions.DeleteVolume(ctx, fakehost.Member, fakehost.Ref("one"), true))
	d.Did(d.Actions.DeleteVolume(ctx, fakehost.Member, fakehost.Ref("two"), true))
	f, err := h.Images.Open(ctx, file)
	if err != nil {
		t.Fatalf("the image went with its volumes: %v", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != int64(len(iso)) {
		t.Errorf("it was made larger, and with it what others read: %v", err)
	}
	_ = f.Close()
}

func TestWhatIsNoImageLeavesNoneAndItsNameFree(t *testing.T) {
	needImages(t)
	h := fakehost.New(t)
	d := h.Start()
	op := d.Ended(upload(t, d, "base", bytes.Repeat([]byte("no disk "), 1000)))
	if op.State != operation.Failed || op.Error == nil || op.Error.Code != "HV-IMG-010" {
		t.Errorf("%+v", op)
	}
	d.Done(upload(t, d, "base", bootable()))
}

func TestAnImageIsFetchedCheckedAndCancelled(t *testing.T) {
	needImages(t)
	h := fakehost.New(t)
	d := h.Start()
	ctx := t.Context()
	hold := make(chan struct{})
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			asked <- struct{}{}
			select {
			case <-hold:
			case <-r.Context().Done():
			}
			return
		}
		http.ServeContent(w, r, "disk", time.Time{}, bytes.NewReader(bootable()))
	}))
	defer server.Close()
	defer close(hold)
	sum := sha256.Sum256(bootable())
	good := hex.EncodeToString(sum[:])
	asRoot := fakehost.Member
	asRoot.Root = true
	fetch := func(root bool, name string, source storage.ImageSource) (operation.Operation, error) {
		call := fakehost.Member
		call.Root = root
		res, err := d.Actions.ImportImage(ctx, call, "default", wire.ImportImage{Name: name, ImageSpec: storage.ImageSpec{Source: source}})
		if err != nil {
			return operation.Operation{}, err
		}
		return *res.Operation, nil
	}
	op, err := fetch(true, "good", storage.ImageSource{URL: server.URL + "/disk", SHA256: good})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(op)
	if i, err := d.View.Image(ctx, fakehost.Ref("good")); err != nil || i.Status.SHA256 != good || i.Status.Checked != "as was given" {
		t.Errorf("%+v %v", i, err)
	}
	if _, err := fetch(true, "plain", storage.ImageSource{URL: server.URL + "/disk"}); fault.CodeOf(err) != "HV-IMG-012" {
		t.Errorf("over plain http, and nothing to check it by: %v", err)
	}
	op, err = fetch(false, "local", storage.ImageSource{URL: server.URL + "/disk", SHA256: good})
	if err != nil {
		t.Fatal(err)
	}
	if op := d.Ended(op); op.Error == nil || op.Error.Code != "HV-IMG-013" {
		t.Errorf("this host's own, for a member: %+v", op)
	}
	op, err = fetch(true, "slow", storage.ImageSource{URL: server.URL + "/slow", SHA256: good})
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	if _, err := d.Actions.CancelOperation(ctx, asRoot, op.ID); err != nil {
		t.Fatal(err)
	}
	if op := d.Ended(op); op.State != operation.Cancelled {
		t.Errorf("%+v", op)
	}
	if _, err := d.View.Image(ctx, fakehost.Ref("slow")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("it is there: %v", err)
	}
}
