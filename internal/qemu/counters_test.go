//go:build linux

package qemu_test

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

func TestCountersAreTheKernelsAndQEMUsOfEveryVMThatLives(t *testing.T) {
	d, uuid := started(t)
	d.Done(d.Volume("data"))
	on := func(def *vm.Definition) { def.Power = vm.On }
	disk := func(def *vm.Definition) { def.Disks = map[string]vm.Disk{"data": {Volume: "data"}} }
	d.Done(d.Create(fakehost.Tiny("db", on, disk)))
	d.State("db", vm.StateRunning)
	db := d.VM("db").Spec.UUID
	before, err := d.VMs.Counters(t.Context())
	if err != nil || len(before) != 2 {
		t.Fatalf("%v, %v", before, err)
	}
	now, err := d.VMs.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u := vm.Between(before[db], now[db])
	if u.CPU == nil || u.Resident != 64*model.MiB || u.Threads != 4 || u.Disk == nil || u.Disk.ReadBytes <= u.Disk.WriteBytes || u.Disk.WriteBytes <= 0 {
		t.Errorf("%+v", u)
	}
	if web := now[uuid]; web.Disk == nil || web.Disk.Reads != 0 {
		t.Errorf("a VM without disks has %+v", web.Disk)
	}
	d.Done(d.Verb("kill", "db"))
	if now, err = d.VMs.Counters(t.Context()); err != nil || len(now) != 1 || now[uuid].Run != before[uuid].Run {
		t.Errorf("%+v, %v", now, err)
	}
}
