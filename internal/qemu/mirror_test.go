//go:build linux

package qemu_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

// A daemon that was cut off after a copy's end leaves a job that has concluded. Whether what it copied was kept is not known
// to the next, which makes the copy anew and does not take that job for its own that has failed.
func TestACopyWhoseEndNobodySawIsMadeAnew(t *testing.T) {
	const layer = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"
	d := fakehost.New(t).Start()
	d.Guest("web", fakeqemu.Options{Jobs: []fakeqemu.Job{{ID: machine.LayerNode(1, layer), Type: "mirror", Status: qmp.JobConcluded, Progress: 100, Total: 100}}})
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", func(def *vm.Definition) {
		def.Power, def.Disks = vm.On, map[string]vm.Disk{"root": {Volume: "data"}}
	})))
	d.State("web", vm.StateRunning)
	copied, begun := filepath.Join(t.TempDir(), "copy"), 0
	err := d.VMs.Mirror(t.Context(), d.VM("web").Spec.UUID,
		qmp.Mirror{Device: machine.DiskDevice("root"), Slot: 1, Layer: layer, Format: string(storage.QCOW2)},
		func() (*os.File, error) { begun++; return os.OpenFile(copied, os.O_RDWR|os.O_CREATE, 0o600) }, nil)
	if err != nil || begun != 1 {
		t.Errorf("it was begun %d times: %v", begun, err)
	}
}
