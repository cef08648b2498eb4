//go:build e2e

package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// BenchmarkThePauseOfASnapshot takes snapshots of a guest that runs on a sparse disk, and measures how long it stands still.
func BenchmarkThePauseOfASnapshot(b *testing.B) {
	const sets = 15
	const size = 20 * model.GiB
	var pauses, whole []time.Duration
	for b.Loop() {
		h := onehost.New(b)
		snapshotGuest(b, h, size)
		for i := range sets {
			begun := time.Now()
			hv(b, h, "snapshot", "create", "web", fmt.Sprint("s", i))
			whole = append(whole, time.Since(begun))
		}
		all, err := h.Client.Snapshots(b.Context(), model.Ref{Project: model.DefaultProject, Name: "web"})
		must(b, err)
		for _, one := range all.Items {
			pause, err := time.ParseDuration(one.Pause)
			must(b, err)
			pauses = append(pauses, pause)
		}
	}
	b.ReportMetric(ms(slices.Max(pauses)), "worst-ms")
	publish(b, "pause", fmt.Sprintf(`## The pause of a snapshot

A guest runs on a sparse disk of %s (raw, in a pool of kind dir); %d snapshots are taken of it, one on the other, without its memory. It stands
still from QMP's stop to the answer to cont, for NVRAM and the switch of the disk to its new layer.

| what | median ms | least ms | most ms |
|---|---|---|---|
| the guest stands still | %.1f | %.1f | %.1f |
| hv snapshot create, from its start to its end | %.1f | %.1f | %.1f |

Goal: at most 50 ms.
`, size, sets, ms(median(pauses)), ms(slices.Min(pauses)), ms(slices.Max(pauses)), ms(median(whole)), ms(slices.Min(whole)), ms(slices.Max(whole))))
}

// snapshotGuest boots a guest on a sparse disk.
func snapshotGuest(b *testing.B, h *onehost.Host, size model.Bytes) {
	b.Helper()
	cache, err := guest.CacheDir()
	must(b, err)
	g, err := guest.Build(b.Context(), cache, os.Stderr)
	must(b, err)
	hv(b, h, "boot-file", "import", "tiny-kernel", g.Kernel, "--kind", "kernel")
	hv(b, h, "boot-file", "import", "tiny-initrd", g.Initrd, "--kind", "initrd")
	hv(b, h, "volume", "create", "root", "--size", size.String())
	hv(b, h, "vm", "create", "web", "--memory", "256MiB", "--disk", "root", "--kernel", "tiny-kernel", "--initrd", "tiny-initrd",
		"--cmdline", "console=ttyS0 quiet panic=-1", "--start")
	hv(b, h, "vm", "console", "web", "--until", "guest: ready", "--timeout", "2m")
}

// hv runs it, and wants it to do what it is asked to.
func hv(b *testing.B, h *onehost.Host, args ...string) {
	b.Helper()
	if out, said, code := h.HV(b.Context(), nil, args...); code != 0 {
		b.Fatalf("hv %s: exit %d\n%s%s", strings.Join(args, " "), code, out, said)
	}
}
