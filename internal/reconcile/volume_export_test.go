//go:build linux

package reconcile_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAVolumeIsExportedInEveryFormatAndAVMWaitsMeanwhile(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("no qemu-img: scripts/deps.sh test")
	}
	h := fakehost.New(t)
	d := h.Start()
	content := written(t, d)
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	for _, format := range []string{"raw", "qcow2", "vmdk", "vhdx"} {
		v, done, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), format)
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Volumes.Export(t.Context(), v, format)
		done()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "image")
		to, err := os.Create(path)
		if err == nil {
			_, err = io.Copy(to, f)
		}
		if err != nil || f.Close() != nil || to.Close() != nil {
			t.Fatal(err)
		}
		back := filepath.Join(t.TempDir(), "raw")
		if out, err := exec.Command("qemu-img", "convert", "-f", format, "-O", "raw", path, back).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", format, err, out)
		}
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, content) {
			t.Errorf("as %s it is another (%d bytes, %v)", format, len(got), err)
		}
	}
	if left := h.PoolFiles("pool"); len(left) != 1 {
		t.Errorf("left are %v", left)
	}
	_, done, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "raw")
	if err != nil {
		t.Fatal(err)
	}
	op := d.Verb("start", "web")
	d.Until("it to wait", func() bool { return d.Power("web").Reason == `volume "data" is being exported` })
	done()
	d.Done(op)
	d.State("web", vm.StateRunning)
	if _, _, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "raw"); fault.CodeOf(err) != "HV-VOL-036" {
		t.Errorf("while a VM writes to it: %v", err)
	}
	if _, _, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "floppy"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("as a floppy: %v", err)
	}
}

func TestAnExportOfADaemonThatIsGoneKeepsNobody(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	if _, _, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "raw"); err != nil {
		t.Fatal(err)
	}
	d.Stop()
	d = h.Start()
	d.Done(d.Verb("start", "web"))
}

func TestADamagedVolumeIsFoundSoAndPutInOrder(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("no qemu-img: scripts/deps.sh test")
	}
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	makeQCOW2(t, d, "data")
	// The reference count of the first cluster, which has the header in it, is none: docs/interop/qcow2.txt.
	file := d.VolumeFile("data")
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 64)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	table := be64(head[48:])
	var entry [8]byte
	if _, err := f.ReadAt(entry[:], table); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0, 0}, be64(entry[:])); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	found := checked(t, d, false)
	if found.Well() || found.Layers != 1 {
		t.Errorf("it is found %+v", found)
	}
	if found := checked(t, d, true); !found.Well() || found.Repaired == 0 {
		t.Errorf("after the repair it is %+v", found)
	}
	d.Until("it to be shown", func() bool {
		v, err := d.View.Volume(t.Context(), fakehost.Ref("data"))
		return err == nil && v.Check != nil && v.Check.Well() && !v.Check.At.IsZero()
	})
}

func be64(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

func makeQCOW2(t *testing.T, d *fakehost.Daemon, name string) {
	t.Helper()
	body := wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Size: model.MiB, Format: storage.QCOW2}}
	res, err := d.Actions.CreateVolume(t.Context(), fakehost.Member, model.DefaultProject, body)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
}

// checked checks the volume as the API does.
func checked(t *testing.T, d *fakehost.Daemon, repair bool) storage.VolumeCheck {
	t.Helper()
	v, done, err := d.Actions.OpenCheck(t.Context(), fakehost.Member, fakehost.Ref("data"), repair)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	found, err := d.Volumes.Check(t.Context(), v, repair)
	if err == nil {
		found, err = d.Actions.Checked(t.Context(), v, found)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNobodyReadsAVolumeThatIsBeingRepaired(t *testing.T) {
	d := fakehost.New(t).Start()
	makeQCOW2(t, d, "data")
	_, done, err := d.Actions.OpenCheck(t.Context(), fakehost.Member, fakehost.Ref("data"), true)
	if err != nil {
		t.Fatal(err)
	}
	clone := func(name string, linked bool) error {
		_, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: name, Linked: linked})
		return err
	}
	for what, ask := range map[string]func() error{
		"export": func() error {
			_, _, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "raw")
			return err
		},
		"check": func() error {
			_, _, err := d.Actions.OpenCheck(t.Context(), fakehost.Member, fakehost.Ref("data"), false)
			return err
		},
		"second repair": func() error {
			_, _, err := d.Actions.OpenCheck(t.Context(), fakehost.Member, fakehost.Ref("data"), true)
			return err
		},
		"full clone":   func() error { return clone("full", false) },
		"linked clone": func() error { return clone("linked", true) },
	} {
		if err := ask(); fault.CodeOf(err) != "HV-VOL-009" || !strings.Contains(err.Error(), "being repaired") {
			t.Errorf("%s: %v", what, err)
		}
	}
	done()
	_, read, err := d.Actions.OpenVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "raw")
	if err != nil {
		t.Fatal(err)
	}
	defer read()
	if _, _, err := d.Actions.OpenCheck(t.Context(), fakehost.Member, fakehost.Ref("data"), true); fault.CodeOf(err) != "HV-VOL-036" {
		t.Errorf("repaired while it is read: %v", err)
	}
}
