//go:build e2e

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	clones    = 100
	fullOnes  = 20
	cloneSize = "10GiB"
)

// BenchmarkAHundredLinkedClones makes 100 linked clones in one call, beside qemu-img and libvirt.
func BenchmarkAHundredLinkedClones(b *testing.B) {
	const turns = 5
	var ours, start, create, linked, full []time.Duration
	for b.Loop() {
		h := newFleet(b)
		h.hv("volume", "create", "base", "--size", cloneSize, "--format", "qcow2")
		l := startLibvirt(b)
		pool := newVirshPool(b, l)
		for i := range turns {
			name := fmt.Sprintf("worker%d", i)
			begin := time.Now()
			h.hv("volume", "clone", "base", name, "--linked", "--count", fmt.Sprint(clones))
			ours = append(ours, time.Since(begin))
			start = append(start, timed(b, filepath.Join(h.bin, "hv"), "--version"))
			create = append(create, qemuImgCreates(b, pool.dir, i))
			linked = append(linked, pool.times(i, clones, func(name string) string {
				return fmt.Sprintf("vol-create-as hv-bench %s 10G --format qcow2 --backing-vol base.qcow2 --backing-vol-format qcow2", name)
			}))
			full = append(full, pool.times(turns+i, fullOnes, func(name string) string { return "vol-clone --pool hv-bench base.qcow2 " + name }))
		}
	}
	each := func(d []time.Duration, n int) float64 { return ms(median(d)) / float64(n) }
	own := (ms(median(ours)) - ms(median(start))) / clones
	b.ReportMetric(own, "ours-ms/clone")
	publish(b, "clones", fmt.Sprintf(`## A hundred linked clones

Of a qcow2 volume of %s, in one call of %shv volume clone --linked --count 100%s: median of %d calls, in turns, less what %shv --version%s takes
(%.1f ms), divided by the clones. Ours are durable (fsync of each file, its folder, store and audit log), all of them or none, and known by
name; the others are files that are not synced.

| what | ms each | of ours |
|---|---|---|
| ours | %.2f | 1.00 |
| `+"`qemu-img create -b`"+`, a process each | %.2f | %.2f |
| `+"`virsh vol-create-as --backing-vol`"+` (libvirt %s), one virsh for all | %.2f | %.2f |
| `+"`virsh vol-clone`"+`, which copies, of an empty volume, one virsh for %d | %.2f | %.2f |

Goal: at most 15 ms each.
`, cloneSize, "`", "`", turns, "`", "`", ms(median(start)), own,
		each(create, clones), each(create, clones)/own, libvirtVersion(), each(linked, clones), each(linked, clones)/own, fullOnes, each(full, fullOnes), each(full, fullOnes)/own))
}

// qemuImgCreates makes as many overlays as there are clones, and takes them away.
func qemuImgCreates(b *testing.B, dir string, turn int) time.Duration {
	b.Helper()
	var made []string
	begin := time.Now()
	for i := range clones {
		file := filepath.Join(dir, fmt.Sprintf("overlay-%d-%d.qcow2", turn, i))
		timed(b, "qemu-img", "create", "-q", "-f", "qcow2", "-b", filepath.Join(dir, "base.qcow2"), "-F", "qcow2", file)
		made = append(made, file)
	}
	took := time.Since(begin)
	for _, file := range made {
		must(b, os.Remove(file))
	}
	return took
}

// virshPool is a folder that libvirt keeps volumes in, with an empty one.
type virshPool struct {
	*libvirt
	dir string
}

func newVirshPool(b *testing.B, l *libvirt) *virshPool {
	b.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "hv-bench-pool")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(dir)) })
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", filepath.Join(dir, "base.qcow2"), "10G").CombinedOutput(); err != nil { //nolint:noctx // it ends by itself
		b.Fatalf("%v\n%s", err, out)
	}
	l.virsh("pool-create-as", "hv-bench", "dir", "--target", dir)
	b.Cleanup(func() { _, _ = l.try("pool-destroy", "hv-bench") })
	return &virshPool{l, dir}
}

// times is how long one virsh takes to make n volumes, which are taken away then.
func (p *virshPool) times(turn, n int, line func(name string) string) time.Duration {
	p.Helper()
	var clone, remove []string
	for i := range n {
		name := fmt.Sprintf("clone-%d-%d.qcow2", turn, i)
		clone, remove = append(clone, line(name)), append(remove, "vol-delete --pool hv-bench "+name)
	}
	took := p.script(clone)
	p.script(remove)
	if left, err := filepath.Glob(filepath.Join(p.dir, "clone-*")); err != nil || len(left) > 0 {
		p.Fatalf("left: %s, %v", strings.Join(left, " "), err)
	}
	return took
}
