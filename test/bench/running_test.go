//go:build e2e

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// many is how many real QEMUs run at once.
const many = 200

// BenchmarkTwoHundredRealQEMUs kills QEMUs from outside while 200 are there, and measures until the
// status says so.
func BenchmarkTwoHundredRealQEMUs(b *testing.B) {
	var seen []time.Duration
	var all time.Duration
	var hvd process
	for b.Loop() {
		h := onehost.New(b)
		before := processOf(b, h.HVD())
		all = startMany(b, h)
		settle()
		hvd = processOf(b, h.HVD())
		hvd.anon -= before.anon
		seen = nil
		for i := range 40 {
			seen = append(seen, untilCrashSeen(b, h, fmt.Sprintf("many-%03d", i*many/40)))
		}
	}
	b.ReportMetric(ms(percentile(seen, 100)), "worst-ms")
	publish(b, "running", fmt.Sprintf(`## 200 real QEMUs

%d paused QEMUs at once, up after %.1f s. 40 of them are killed from outside, one after the other: their status says
"crashed" after %.1f ms (median), %.1f ms (worst). Goal: 1 s. hvd: %.0f KiB of memory (RssAnon) for each.
`, many, all.Seconds(), ms(median(seen)), ms(percentile(seen, 100)), hvd.anon*1024/many))
}

func startMany(b *testing.B, h *onehost.Host) time.Duration {
	b.Helper()
	ctx := b.Context()
	page, err := h.Client.VMPage(ctx, model.DefaultProject, client.ListOptions{Limit: 1})
	must(b, err)
	begin := time.Now()
	for i := range many {
		_, err := h.Client.CreateVM(ctx, "", tiny(fmt.Sprintf("many-%03d", i)), client.Change{})
		must(b, err)
	}
	awaitPrelaunch(b, h, page.Revision+1, many)
	return time.Since(begin)
}

func untilCrashSeen(b *testing.B, h *onehost.Host, name string) time.Duration {
	b.Helper()
	ctx := b.Context()
	v, err := h.Client.VM(ctx, model.Ref{Project: model.DefaultProject, Name: name})
	must(b, err)
	page, err := h.Client.VMPage(ctx, model.DefaultProject, client.ListOptions{Limit: 1})
	must(b, err)
	listening := make(chan time.Time, 1)
	go func() {
		for ev, err := range h.Client.Events(ctx, client.EventOptions{From: page.Revision + 1, Subject: "vm/default/" + name}) {
			var data struct{ State vm.State }
			if err != nil || json.Unmarshal(ev.Data, &data) == nil && data.State == vm.StateCrashed {
				listening <- time.Now()
				return
			}
		}
	}()
	p, err := os.FindProcess(v.Status.Power.Process.PID)
	must(b, err)
	begin := time.Now()
	must(b, p.Signal(syscall.SIGKILL))
	return (<-listening).Sub(begin)
}
