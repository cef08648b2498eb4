//go:build e2e

package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

const (
	idleVMs = 10
	idleFor = 60 * time.Second
)

// BenchmarkIdleWithTenVMs looks at what the daemons do while nobody asks anything.
func BenchmarkIdleWithTenVMs(b *testing.B) {
	var hvd, helper, hvdEnd, helperEnd process
	for b.Loop() {
		h := onehost.New(b)
		for i := range idleVMs {
			name := fmt.Sprintf("idle-%d", i)
			_, err := h.Client.CreateVM(b.Context(), "", tiny(name), client.Change{})
			must(b, err)
			h.WaitState(b.Context(), name, "prelaunch")
		}
		settle()
		hvd, helper = processOf(b, h.HVD()), processOf(b, h.HelperPID())
		time.Sleep(idleFor) // that is what is measured
		hvdEnd, helperEnd = processOf(b, h.HVD()), processOf(b, h.HelperPID())
	}
	b.ReportMetric(hvdEnd.rss, "hvd-RSS-MiB")
	b.ReportMetric(wakeups(hvd, hvdEnd), "hvd-wake-ups/s")
	var t strings.Builder
	fmt.Fprintf(&t, "## Idle\n\n%d VMs, paused, and nobody asks anything for %.0f s.\n\n| program | RSS MiB | RssAnon MiB | of a core | wake-ups a second |\n|---|---|---|---|---|\n", idleVMs, idleFor.Seconds())
	row := func(name string, from, to process) {
		fmt.Fprintf(&t, "| %s | %.0f | %.0f | %.3f %% | %.2f |\n", name, to.rss, to.anon, 100*(to.cpu-from.cpu).Seconds()/idleFor.Seconds(), wakeups(from, to))
	}
	row("hvd", hvd, hvdEnd)
	row("hv-helper", helper, helperEnd)
	t.WriteString("\nGoals for hvd: 90 MiB RSS, 0.1 % of a core, 2 wake-ups a second.\n")
	publish(b, "idle", t.String())
}

// wakeups are the times that a thread waited for something and got it, in a second.
func wakeups(from, to process) float64 { return float64(to.wakeups-from.wakeups) / idleFor.Seconds() }
