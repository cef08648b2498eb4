//go:build e2e

package bench

import (
	"fmt"
	"testing"
	"time"
)

const defined = 2000

// BenchmarkDefiningTwoThousand defines 2,000 VMs that are off, durably, and lists them.
func BenchmarkDefiningTwoThousand(b *testing.B) {
	var ours, virsh, listed, virshListed time.Duration
	for b.Loop() {
		h := newFleet(b)
		begin := time.Now()
		h.define(0, defined, 0)
		ours = time.Since(begin)
		listed = medianOf(5, func() { h.hv("vm", "list") })
		l := startLibvirt(b)
		var define, forget []string
		for i := range defined {
			name := fmt.Sprintf("hv-bench-%04d", i)
			define, forget = append(define, "define "+l.file(name)), append(forget, "undefine "+name)
		}
		virsh = l.script(define)
		virshListed = medianOf(5, func() { l.virsh("list", "--all") })
		l.script(forget)
	}
	b.ReportMetric(ours.Seconds(), "ours-s")
	b.ReportMetric(virsh.Seconds(), "virsh-s")
	publish(b, "define", fmt.Sprintf(`## Defining 2,000 VMs

Ours durable (fsync of store and audit log) from %d connections; libvirt %s by one virsh that reads all of the commands.

| what | ours | libvirt | ratio |
|---|---|---|---|
| define 2,000 | %.2f s | %.2f s | %.2f |
| list them all, by the command line | %.0f ms | %.0f ms | %.2f |

Goal: at most 1.5 s.
`, connections, libvirtVersion(), ours.Seconds(), virsh.Seconds(), float64(ours)/float64(virsh), ms(listed), ms(virshListed), float64(listed)/float64(virshListed)))
}
