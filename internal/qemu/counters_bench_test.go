//go:build linux

package qemu_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

// BenchmarkSample is what hvd itself spends on one sample of 200 VMs: asking each QEMU over its own socket, in a
// process of its own. What hv-helper spends on reading is BenchmarkUsage of helper/proc, for each VM.
func BenchmarkSample(b *testing.B) {
	const vms = 200
	d := fakehost.New(b).Start()
	for i := range vms {
		d.Create(fakehost.Tiny(fmt.Sprintf("vm-%d", i), func(def *vm.Definition) { def.Power = vm.On }))
	}
	for i := range vms {
		d.State(fmt.Sprintf("vm-%d", i), vm.StateRunning)
	}
	before := processor(b)
	for b.Loop() {
		if all, err := d.VMs.Counters(b.Context()); err != nil || len(all) != vms {
			b.Fatalf("%d VMs, %v", len(all), err)
		}
	}
	b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N)/1000, "cpu-ms/sample")
}

// processor is how much processor time this process has used.
func processor(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
