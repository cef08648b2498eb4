package machine

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// backend is memory of the host's that becomes a guest's (qapi/qom.json, MemoryBackendProperties). A memfd of huge pages needs
// no mounted hugetlbfs and no right to one. Such pages are taken at the start: a node that has none left would be met by the
// guest's first access, which ends QEMU.
type backend struct {
	QOMType   string `json:"qom-type"`
	ID        string `json:"id"`
	Size      int64  `json:"size"`
	HugeTLB   bool   `json:"hugetlb,omitempty"`
	PageSize  int64  `json:"hugetlbsize,omitempty"`
	Prealloc  bool   `json:"prealloc,omitempty"`
	HostNodes []int  `json:"host-nodes,omitempty"`
	Policy    string `json:"policy,omitempty"`
	Share     bool   `json:"share,omitempty"` // others map it
}

func memoryOf(id string, size model.Bytes, hostNodes string, s vm.Spec) backend {
	b := backend{QOMType: "memory-backend-ram", ID: id, Size: int64(size)}
	want := vm.MemoryBacking{}
	if s.MemoryBacking != nil {
		want = *s.MemoryBacking
	}
	if want.HugePages > 0 {
		b.QOMType, b.HugeTLB, b.PageSize, b.Prealloc = "memory-backend-memfd", true, int64(want.HugePages), true
	}
	if len(s.Shares) > 0 { // virtiofsd reads its requests in it; anonymous memory cannot be shown
		b.QOMType, b.Share = "memory-backend-memfd", true
	}
	if nodes := cmp.Or(hostNodes, want.HostNodes); nodes != "" {
		b.HostNodes, _ = model.ParseCPUs(nodes) // vm.Check has read it
		b.Policy = string(cmp.Or(want.Policy, vm.Bind))
	}
	return b
}

// backed reports whether it matters what of the host the guest's memory is, which node of the guest's, or who sees it.
func backed(s vm.Spec) bool {
	b := s.MemoryBacking
	return len(s.NUMA) > 0 || len(s.Shares) > 0 || b != nil && (b.HugePages > 0 || b.HostNodes != "")
}

// backing is the board's memory as objects, one for each node of the guest's, and what of its vCPUs is in which.
func backing(in Input) part {
	var p part
	if b := in.Spec.MemoryBacking; b != nil && b.Locked {
		p.args = append(p.args, "-overcommit", "mem-lock=on")
	}
	if !backed(in.Spec) {
		return p
	}
	if len(in.Spec.NUMA) == 0 {
		const id = "ram"
		p.args = append(p.args, "-object", object(memoryOf(id, in.base(), "", in.Spec)), "-machine", options("", "memory-backend", id))
	}
	for i, n := range in.Spec.Nodes() {
		id := "ram" + strconv.Itoa(i)
		o := []string{"nodeid", strconv.Itoa(i), "memdev", id}
		for part := range strings.SplitSeq(n.CPUs, ",") {
			o = append(o, "cpus", part)
		}
		p.args = append(p.args, "-object", object(memoryOf(id, n.Memory, n.HostNodes, in.Spec)), "-numa", options("node", o...))
	}
	return p
}
