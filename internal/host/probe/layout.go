package probe

import (
	"cmp"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// layout says how memory is divided: near and far, in huge pages, and onto disks.
// Source: the Linux kernel's Documentation/admin-guide/mm/{hugetlbpage,numaperf,transhuge}.rst, proc_swaps(5).
func layout(root fs.FS, f *host.Facts) {
	l := &host.Layout{
		NUMA: numa(root), HugePages: HugePages(root), Swap: parseSwaps(read(root, "proc/swaps")),
		Transparent: chosen(word(root, "sys/kernel/mm/transparent_hugepage/enabled")),
	}
	if len(l.NUMA)+len(l.HugePages)+len(l.Swap) > 0 || l.Transparent != "" {
		f.Layout = l
	}
}

func numa(root fs.FS) []host.NUMANode {
	const folder = "sys/devices/system/node"
	var out []host.NUMANode
	for _, name := range names(root, folder) {
		digits, ok := strings.CutPrefix(name, "node")
		id, err := strconv.Atoi(digits)
		if !ok || err != nil || id < 0 {
			continue
		}
		out = append(out, host.NUMANode{
			ID: id, CPUs: cpuList(word(root, folder+"/"+name+"/cpulist")), Memory: nodeMemory(read(root, folder+"/"+name+"/meminfo")),
		})
	}
	slices.SortFunc(out, func(a, b host.NUMANode) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// cpuList returns a list of CPUs where it is one; a node of memory alone has none.
func cpuList(list string) string {
	if countList(list) == 0 {
		return ""
	}
	return list
}

// nodeMemory reads MemTotal of a node: "Node 0 MemTotal:  65703396 kB".
func nodeMemory(text string) model.Bytes {
	for line := range strings.Lines(text) {
		if _, rest, ok := strings.Cut(line, "MemTotal:"); ok {
			return parseMemory("MemTotal:" + rest)
		}
	}
	return 0
}

// HugePages are those of each size, and how many of them nobody has or was promised.
func HugePages(root fs.FS) []host.HugePages {
	const folder = "sys/kernel/mm/hugepages"
	var out []host.HugePages
	for _, name := range names(root, folder) {
		kib, ok := pageSize(name)
		if !ok {
			continue
		}
		total, _ := strconv.Atoi(word(root, folder+"/"+name+"/nr_hugepages"))
		free, _ := strconv.Atoi(word(root, folder+"/"+name+"/free_hugepages"))
		promised, _ := strconv.Atoi(word(root, folder+"/"+name+"/resv_hugepages")) // to who has not touched them yet
		out = append(out, host.HugePages{Size: model.Bytes(kib) * model.KiB, Total: max(total, 0), Free: max(free-max(promised, 0), 0)})
	}
	slices.SortFunc(out, func(a, b host.HugePages) int { return cmp.Compare(a.Size, b.Size) })
	return out
}

// pageSize reads a folder's name such as hugepages-2048kB.
func pageSize(name string) (kib int64, ok bool) {
	number, ok := strings.CutPrefix(name, "hugepages-")
	number, unit := strings.CutSuffix(number, "kB")
	kib, err := strconv.ParseInt(number, 10, 64)
	return kib, ok && unit && err == nil && kib > 0 && kib <= math.MaxInt64/int64(model.KiB)
}

// chosen returns the word in brackets of a choice such as "always [madvise] never".
func chosen(choice string) string {
	_, rest, _ := strings.Cut(choice, "[")
	word, _, ok := strings.Cut(rest, "]")
	if !ok || strings.ContainsAny(word, " \n") {
		return ""
	}
	return word
}

// maxSwaps is how many swap areas Linux takes.
const maxSwaps = 32

// parseSwaps reads /proc/swaps: after a heading, path, kind and size in KiB a line.
func parseSwaps(text string) []host.Swap {
	var out []host.Swap
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] == "Filename" || len(out) == maxSwaps {
			continue
		}
		kib, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || kib < 0 || kib > math.MaxInt64/int64(model.KiB) {
			continue
		}
		out = append(out, host.Swap{Path: f[0], Kind: f[1], Size: model.Bytes(kib) * model.KiB})
	}
	return out
}
