//go:build e2e

package bench

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

var wireForce = wire.VerbOptions{Force: true}

// table puts the figures of one run side by side.
func table(bare, ours []time.Duration, parts []shares) string {
	var t strings.Builder
	fmt.Fprintf(&t, "| what | median ms | least ms | most ms |\n|---|---|---|---|\n")
	line := func(name string, d []time.Duration) {
		fmt.Fprintf(&t, "| %s | %.1f | %.1f | %.1f |\n", name, ms(median(d)), ms(slices.Min(d)), ms(slices.Max(d)))
	}
	of := func(pick func(shares) time.Duration) []time.Duration {
		var d []time.Duration
		for _, s := range parts {
			d = append(d, pick(s))
		}
		return d
	}
	line("bare QEMU: exec to the answer of query-status", bare)
	line("ours: API request to prelaunch seen in the status", ours)
	line("· request to 202: gate, audit (fsync), store (fsync), view", of(func(s shares) time.Duration { return s.accept }))
	line("· step launch: the call of hv-helper", of(func(s shares) time.Duration { return s.launch }))
	line("· · of it: uid, cgroup, sockets, records", of(func(s shares) time.Duration { return s.prepare }))
	line("· · of it: clone of the shim, with its namespaces", of(func(s shares) time.Duration { return s.clone }))
	line("· · of it: the shim: its start, jail, exec", of(func(s shares) time.Duration { return s.shim }))
	line("· step connect: QEMU's own start, QMP", of(func(s shares) time.Duration { return s.attach }))
	line("· rest: reconcile, status (fsync), event", of(func(s shares) time.Duration { return s.rest }))
	fmt.Fprintf(&t, "\nRatio of the medians: %.2f. Over bare: %.1f ms (goal: at most 40).\n",
		float64(median(ours))/float64(median(bare)), ms(median(ours)-median(bare)))
	return t.String()
}

func writePage(b *testing.B, report string) {
	b.Helper()
	page := fmt.Sprintf(`# Benchmarks

Figures of one run each, both sides in turns; ratios count, milliseconds are of the machine below.
Made by: %s

## A paused start beside bare QEMU

A q35 guest of 16 MiB, paused, without devices. Both sides run the same command line, taken from a VM of
ours; ours adds the API, the audit log, the store, namespaces, jail, uid and seccomp. %d starts of each.

%s
Machine: %s, %d-core %s, TCG. Written %s.
`, "`sudo make bench` with `BENCH_FLAGS=-write`", runs, report, kernel(), cpus(), cpuModel(), time.Now().UTC().Format(time.DateOnly))
	if err := os.WriteFile("../../docs/benchmarks.md", []byte(page), 0o644); err != nil {
		b.Fatal(err)
	}
}

func kernel() string {
	data, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return "Linux " + strings.TrimSpace(string(data))
}

func cpus() int { n, _ := cpuinfo(); return n }

func cpuModel() string { _, model := cpuinfo(); return model }

func cpuinfo() (int, string) {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return 0, "unknown CPU"
	}
	defer func() { _ = f.Close() }()
	n, model := 0, "unknown CPU"
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok {
			switch strings.TrimSpace(key) {
			case "processor":
				n++
			case "model name":
				model = strings.TrimSpace(value)
			}
		}
	}
	return n, model
}
