package plan

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAStartCountsTheHugePagesThatAreFree(t *testing.T) {
	for free, starts := range map[int]bool{256: true, 255: false} {
		p, err := VM(input(func(in *VMInput) {
			in.Wish.Spec.Memory, in.Wish.Spec.MemoryBacking = 512*model.MiB, &vm.MemoryBacking{HugePages: vm.HugePage2M, Locked: true}
			in.Facts.Layout = &host.Layout{HugePages: []host.HugePages{{Size: vm.HugePage2M, Total: 300, Free: free}, {Size: vm.HugePage1G, Total: 900, Free: 900}}}
		}))
		if (err == nil) != starts {
			t.Fatalf("%d free: %v", free, err)
		}
		if starts {
			if !p.Steps[0].Start.Order.Limits.LockMemory {
				t.Error("it may not lock its memory")
			}
			continue
		}
		if fault.KindOf(err) != fault.Exhausted || fault.CodeOf(err) != "HV-VM-115" || !strings.Contains(err.Error(), "needs 256 huge pages of 2MiB: 255 are free, of 300") ||
			!strings.Contains(fault.HintOf(err), "echo 301 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") {
			t.Errorf("%v; %s", err, fault.HintOf(err))
		}
	}
}
