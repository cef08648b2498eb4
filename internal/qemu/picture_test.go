//go:build linux

package qemu_test

import (
	"image/png"
	"io"
	"sync"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/monitor"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func withScreen(def *vm.Definition) { def.Graphics = &vm.Graphics{} }

// left are the fdsets for pictures that a QEMU has. Its monitor takes one client: the daemon has let go of it.
func left(t *testing.T, d *fakehost.Daemon, uuid string) (n int) {
	t.Helper()
	m, err := monitor.Dial(t.Context(), d.MonitorPath("web"), monitor.Options{VM: "web", UUID: uuid})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	sets, err := qmp.QueryFDSets(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		if s.ID >= machine.PictureSet(0) && s.ID < machine.PictureSet(machine.Pictures) {
			n++
		}
	}
	return n
}

func TestAPictureIsAPNGOfTheScreenAndLeavesNothingInQEMU(t *testing.T) {
	d, uuid := started(t, withScreen)
	for range 3 {
		pic, size, err := d.VMs.Picture(t.Context(), uuid)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(pic)
		if err != nil || img.Bounds() != fakeqemu.Picture || size == 0 {
			t.Errorf("%d bytes, %v", size, err)
		}
		if err := pic.Close(); err != nil {
			t.Error(err)
		}
	}
	d.Stop()
	if n := left(t, d, uuid); n != 0 {
		t.Errorf("QEMU keeps %d descriptors", n)
	}
}

// QEMU 7.2 keeps a descriptor that is taken out of its set while the machine is stopped: it must not come to more and
// more, and the machine that runs on lets go of all.
func TestPicturesOfAStoppedVMAreBoundedAndAllGoWhenItRunsOn(t *testing.T) {
	d, uuid := started(t, withScreen)
	d.Done(d.Verb("pause", "web"))
	take := func() error {
		pic, _, err := d.VMs.Picture(t.Context(), uuid)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, pic)
		if err != nil {
			return err
		}
		return pic.Close()
	}
	for i := range machine.Pictures {
		if err := take(); err != nil {
			t.Fatalf("picture %d: %v", i, err)
		}
	}
	if err := take(); fault.KindOf(err) != fault.Precondition || fault.CodeOf(err) != "HV-VM-080" {
		t.Errorf("one more: %v", err)
	}
	d.Done(d.Verb("resume", "web"))
	for range 2 {
		if err := take(); err != nil {
			t.Error(err)
		}
	}
	d.Stop()
	if n := left(t, d, uuid); n > 1 {
		t.Errorf("QEMU keeps %d descriptors", n)
	}
}

func TestWhereQEMUDrawsNothingNothingIsLeft(t *testing.T) {
	d, uuid := started(t)
	_, _, err := d.VMs.Picture(t.Context(), uuid)
	if err == nil {
		t.Error("a VM without a screen was drawn")
	}
	d.Stop()
	if n := left(t, d, uuid); n != 0 {
		t.Errorf("QEMU keeps %d descriptors", n)
	}
}

func TestPicturesThatAreAskedForAtOnceComeOneAfterTheOther(t *testing.T) {
	d, uuid := started(t, withScreen)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			pic, _, err := d.VMs.Picture(t.Context(), uuid)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := png.Decode(pic); err != nil {
				t.Error(err)
			}
			_ = pic.Close()
		})
	}
	all.Wait()
	d.Stop()
	if n := left(t, d, uuid); n != 0 {
		t.Errorf("QEMU keeps %d descriptors", n)
	}
}
