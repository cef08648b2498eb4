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

// sections are those of the page, in its order.
var sections = []string{"start", "fifty", "define", "scale", "running", "idle", "command", "resolve", "clones", "convert", "encryption", "pause"}

const pageHead = `# Benchmarks

Both sides of a comparison were measured in one run, in turns where that was possible; ratios count, milliseconds are of the
machine that each section names. Made by: ` + "`sudo make bench BENCH_FLAGS=-write`" + `
`

// publish logs a section, and with -write puts it into docs/benchmarks.md in the place of the one that
// is there.
func publish(b *testing.B, key, text string) {
	b.Helper()
	text = fmt.Sprintf("%s\nMachine: %s, %d-core %s, TCG. Written %s.\n", text, kernel(), cpus(), cpuModel(), time.Now().UTC().Format(time.DateOnly))
	b.Log("\n" + text)
	if !*write {
		return
	}
	const page = "../../docs/benchmarks.md"
	old, err := os.ReadFile(page)
	must(b, err)
	out := pageHead
	for _, s := range sections {
		body := text
		if s != key {
			_, rest, found := strings.Cut(string(old), mark(s))
			if !found {
				continue
			}
			body, _, _ = strings.Cut(rest, "\n<!-- ")
			body = strings.TrimSpace(body) + "\n"
		}
		out += "\n" + mark(s) + "\n" + body
	}
	must(b, os.WriteFile(page, []byte(out), 0o644))
}

func mark(section string) string { return "<!-- section " + section + " -->" }

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
