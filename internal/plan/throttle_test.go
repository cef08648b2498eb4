package plan

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestDisksOfAVMThatRunsAreLimitedAndHaveThreads(t *testing.T) {
	detach := func(in *VMInput, _ *vm.Process) { delete(in.Wish.Spec.Disks, "root") }
	edited(t, map[string]liveCase{
		"what a disk may do in a second": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["root"] = vm.Disk{Volume: "web-root", Limits: vm.DiskLimits{DiskRates: vm.DiskRates{IOPS: 500, Bandwidth: model.MiB}, Burst: vm.DiskRates{IOPS: 900}}}
		}, "throttle disk-root iops=500/900s1 bps=1048576/0s0", ""},
		"and all that it can again": {"running", func(_ *VMInput, p *vm.Process) {
			p.Started.Disks["root"] = vm.Disk{Volume: "web-root", BootIndex: 1, Limits: vm.DiskLimits{DiskRates: vm.DiskRates{IOPS: 500}}}
		}, "throttle disk-root iops=0/0s0 bps=0/0s0", ""},
		"a disk that comes is limited at once": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["data"] = vm.Disk{Volume: "web-data", IOThread: "io", Limits: vm.DiskLimits{DiskRates: vm.DiskRates{IOPS: 5}}}
		}, "plug disk-data io-io, throttle disk-data iops=5/0s0 bps=0/0s0", ""},
		"its thread goes with the last that it served": {"running", func(in *VMInput, p *vm.Process) {
			detach(in, p)
			p.Started.Disks["root"] = vm.Disk{Volume: "web-root", IOThread: "io"}
		}, "unplug disk-root io-io", ""},
		"and stays for another": {"running", func(in *VMInput, p *vm.Process) {
			in.Wish.Spec.Disks["data"] = vm.Disk{Volume: "web-data", IOThread: "io"}
			detach(in, p)
			p.Started.Disks["root"], p.Started.Disks["data"] = vm.Disk{Volume: "web-root", IOThread: "io"}, vm.Disk{Volume: "web-data", IOThread: "io"}
		}, "unplug disk-root", ""},
		"another thread waits": {"running", func(in *VMInput, _ *vm.Process) {
			in.Wish.Spec.Disks["root"] = vm.Disk{Volume: "web-root", IOThread: "io"}
		}, "", "disks.root: not changed under it"},
	})
}
