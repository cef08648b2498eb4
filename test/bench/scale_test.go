//go:build e2e

package bench

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

const connections = 16

// figures is what was measured with so many VMs, one in five of them running.
type figures struct {
	vms, running                int
	restart, api, hv, page, p99 time.Duration
	process                     process
	goroutines                  int
}

// BenchmarkTenThousandVMs grows one host from 10 to 10,000 VMs.
func BenchmarkTenThousandVMs(b *testing.B) {
	var all []figures
	for b.Loop() {
		all = nil
		h := newFleet(b)
		have := 0
		for _, n := range []int{10, 100, 1000, 10000} {
			h.define(have, n, 5)
			h.awaitRunning(n / 5)
			have = n
			all = append(all, h.look(n))
		}
	}
	last := all[len(all)-1]
	b.ReportMetric(ms(last.api), "list-10000-ms")
	b.ReportMetric(ms(last.hv), "hv-vm-list-10000-ms")
	b.ReportMetric(ms(last.p99), "page-of-100-p99-ms")
	b.ReportMetric(ms(last.restart), "restart-10000-ms")
	b.ReportMetric(last.process.anon, "RssAnon-MiB")
	publish(b, "scale", scaleSection(all))
	if *write {
		draw(b, "bench-times.svg", "hvd with 10 to 10,000 VMs, one in five running", "ms", []curve{
			plot("restart to ready", all, func(f figures) float64 { return ms(f.restart) }),
			plot("hv vm list, all", all, func(f figures) float64 { return ms(f.hv) }),
			plot("list by API, all", all, func(f figures) float64 { return ms(f.api) }),
			plot("page of 100, p99", all, func(f figures) float64 { return ms(f.p99) }),
		})
		draw(b, "bench-memory.svg", "hvd's memory with 10 to 10,000 VMs, one in five running", "MiB", []curve{
			plot("RSS", all, func(f figures) float64 { return f.process.rss }),
			plot("RssAnon", all, func(f figures) float64 { return f.process.anon }),
		})
	}
}

func plot(name string, all []figures, of func(figures) float64) curve {
	c := curve{name: name}
	for _, f := range all {
		c.x, c.y = append(c.x, float64(f.vms)), append(c.y, of(f))
	}
	return c
}

// define makes VMs from number from to number to, from 16 connections at once; one in every is on.
func (h *fleetHost) define(from, to, every int) {
	h.Helper()
	no := false
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for i := range numbers {
				def := vm.Definition{
					Name: fmt.Sprintf("vm-%05d", i), Labels: map[string]string{"tier": "web"},
					Spec: vm.Spec{Memory: 16 * model.MiB, Serial: &no, RNG: &no, Power: vm.Off},
				}
				if every > 0 && i%every == 0 {
					def.Power = vm.On
				}
				if _, err := h.client.CreateVM(h.Context(), "", def, client.Change{}); err != nil {
					h.Error(err)
				}
			}
		})
	}
	for i := from; i < to; i++ {
		numbers <- i
	}
	close(numbers)
	wg.Wait()
}

// awaitRunning waits until so many run.
func (h *fleetHost) awaitRunning(n int) {
	h.Helper()
	count := func() (running int, revision int64) {
		for {
			opt := client.ListOptions{Limit: 1000}
			running = 0
			for {
				p, err := h.client.VMPage(h.Context(), model.DefaultProject, opt)
				must(h.B, err)
				for _, v := range p.Items {
					if v.State == vm.StateRunning {
						running++
					}
				}
				revision = max(revision, p.Revision)
				if p.Next == "" {
					return running, revision
				}
				opt.Cursor = p.Next
			}
		}
	}
	deadline := time.Now().Add(5 * time.Minute)
	for {
		running, revision := count()
		if running >= n {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("%d of %d run", running, n)
		}
		for _, err := range h.client.Events(h.Context(), client.EventOptions{From: revision + 1, Subject: "vm/default/"}) {
			must(h.B, err)
			break // something changed: look again
		}
	}
}

// look measures a host that has n VMs.
func (h *fleetHost) look(n int) figures {
	h.Helper()
	f := figures{vms: n, running: n / 5}
	h.stopHVD(syscall.SIGTERM)
	f.restart = h.startHVD()
	h.awaitRunning(f.running)
	f.api = medianOf(11, h.listAll)
	f.hv = medianOf(11, func() { h.hv("vm", "list") })
	var pages []time.Duration
	for i := range 300 {
		begin := time.Now()
		_, err := h.client.VMPage(h.Context(), model.DefaultProject, client.ListOptions{Limit: 100, Cursor: fmt.Sprintf("default/vm-%05d", i*n/300)})
		must(h.B, err)
		pages = append(pages, time.Since(begin))
	}
	f.page, f.p99 = median(pages), percentile(pages, 99)
	f.process = processOf(h.B, h.hvd.Process.Pid)
	f.goroutines = goroutines(h.stopHVD(syscall.SIGQUIT))
	h.startHVD()
	return f
}

func (h *fleetHost) listAll() {
	h.Helper()
	n := 0
	for _, err := range h.client.VMs(h.Context(), model.DefaultProject, client.ListOptions{Limit: 1000}) {
		must(h.B, err)
		n++
	}
}

func medianOf(n int, f func()) time.Duration {
	var d []time.Duration
	for range n {
		begin := time.Now()
		f()
		d = append(d, time.Since(begin))
	}
	return median(d)
}

func percentile(d []time.Duration, p int) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[min(len(s)*p/100, len(s)-1)]
}

func scaleSection(all []figures) string {
	var t strings.Builder
	t.WriteString("## From 10 to 10,000 VMs\n\nOne hvd; one VM in five runs, all of those in one process that answers QMP as recorded (test/fleet).\n\n" +
		"| VMs | running | restart to ready ms | whole list, API ms | whole list, `hv vm list` ms | page of 100, median ms | page of 100, p99 ms | RSS MiB | RssAnon MiB | fds | goroutines |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&t, "| %d | %d | %.0f | %.1f | %.1f | %.2f | %.2f | %.0f | %.0f | %d | %d |\n", f.vms, f.running, ms(f.restart), ms(f.api), ms(f.hv),
			ms(f.page), ms(f.p99), f.process.rss, f.process.anon, f.process.fds, f.goroutines)
	}
	first, last := all[0], all[len(all)-1]
	per := func(a, b int) float64 { return float64(b-a) / float64(last.running-first.running) }
	fmt.Fprintf(&t, "\nFor each running VM: %.1f file descriptors, %.1f goroutines.\n"+
		"Goals with 10,000: list by API 150 ms, by `hv vm list` 200 ms, page p99 5 ms, restart 2 s, RssAnon 150 MiB.\n\n"+
		"![Times with 10 to 10,000 VMs](pictures/bench-times.svg)\n\n![Memory with 10 to 10,000 VMs](pictures/bench-memory.svg)\n",
		per(first.process.fds, last.process.fds), per(first.goroutines, last.goroutines))
	return t.String()
}
