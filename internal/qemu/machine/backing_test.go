package machine

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestMemoryIsOfHugePagesAndOfTheNodesThatTheSpecNames(t *testing.T) {
	for name, c := range map[string]struct {
		spec vm.Spec
		want []string
	}{
		"as it comes": {vm.Spec{}, nil},
		"locked":      {vm.Spec{MemoryBacking: &vm.MemoryBacking{Locked: true}}, []string{"-overcommit", "mem-lock=on"}},
		"huge pages": {vm.Spec{Memory: 2 * model.GiB, MemoryBacking: &vm.MemoryBacking{HugePages: vm.HugePage1G}}, []string{
			"-object", `{"qom-type":"memory-backend-memfd","id":"ram","size":2147483648,"hugetlb":true,"hugetlbsize":1073741824,"prealloc":true}`,
			"-machine", "memory-backend=ram",
		}},
		"near": {vm.Spec{Memory: model.GiB, MemoryBacking: &vm.MemoryBacking{HostNodes: "0-1", Policy: vm.Interleave}}, []string{
			"-object", `{"qom-type":"memory-backend-ram","id":"ram","size":1073741824,"host-nodes":[0,1],"policy":"interleave"}`,
			"-machine", "memory-backend=ram",
		}},
	} {
		if got := backing(input(c.spec)); !slices.Equal(got.args, c.want) {
			t.Errorf("%s: %s", name, strings.Join(got.args, " "))
		}
	}
}
