//go:build e2e

// Package bench measures whole hosts against bare QEMU, both in one run, and writes docs/benchmarks.md.
package bench

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/monitor"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

var write = flag.Bool("write", false, "write docs/benchmarks.md")

// runs is how often each side starts; they take turns, so that a busy moment hits both.
const runs = 40

// shares is where one start of ours spent its time.
type shares struct {
	total, accept, launch, prepare, clone, shim, attach, rest time.Duration
}

func BenchmarkAPausedStart(b *testing.B) {
	h := onehost.New(b)
	argv := commandLine(b, h)
	var bare, ours []time.Duration
	var parts []shares
	for i := range runs {
		bare = append(bare, bareStart(b, argv))
		s := start(b, h, fmt.Sprintf("vm-%d", i))
		ours, parts = append(ours, s.total), append(parts, s)
	}
	for b.Loop() { // the figures below are what counts; this keeps go's own table honest
		ours = append(ours, start(b, h, fmt.Sprintf("more-%d", len(ours))).total)
	}
	over := median(ours) - median(bare)
	b.ReportMetric(ms(median(bare)), "bare-ms")
	b.ReportMetric(ms(median(ours)), "ours-ms")
	b.ReportMetric(ms(over), "over-ms")
	publish(b, "start", fmt.Sprintf(startHead, runs)+table(bare, ours, parts))
}

const startHead = `## A paused start beside bare QEMU

A q35 guest of 16 MiB, paused, without devices. Both sides run the same command line, taken from a VM of
ours; ours adds the API, the audit log, the store, namespaces, jail, uid and seccomp. %d starts of each.

`

func tiny(name string) vm.Definition {
	no := false
	return vm.Definition{Name: name, Spec: vm.Spec{Memory: 16 * model.MiB, Power: vm.Paused, Serial: &no, RNG: &no}}
}

// start measures from the API request to prelaunch seen in the status, and takes the VM away again.
func start(b *testing.B, h *onehost.Host, name string) shares {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	page, err := h.Client.VMPage(ctx, model.DefaultProject, client.ListOptions{Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	seen := make(chan time.Time, 1)
	go func() {
		for ev, err := range h.Client.Events(ctx, client.EventOptions{From: page.Revision + 1, Subject: "vm/default/" + name}) {
			var data struct{ State vm.State }
			if err != nil || json.Unmarshal(ev.Data, &data) == nil && data.State == vm.StatePrelaunch {
				seen <- time.Now()
				return
			}
		}
	}()
	begin := time.Now()
	res, err := h.Client.CreateVM(ctx, "", tiny(name), client.Change{})
	if err != nil {
		b.Fatal(err)
	}
	accepted := time.Since(begin)
	s := shares{total: (<-seen).Sub(begin), accept: accepted}
	op, err := h.Client.WaitOperation(ctx, res.Operation.ID, func(operation.Operation) {})
	if err != nil || op.State != operation.Done {
		b.Fatalf("%+v %v\n%s", op, err, h.Logs())
	}
	s.launch, s.attach = step(op, "launch"), step(op, "connect")
	s.prepare, s.clone, s.shim = micros(h.Logs(), name)
	s.rest = s.total - s.accept - s.launch - s.attach
	gone, err := h.Client.DeleteVM(ctx, model.Ref{Name: name}, wireForce, client.Change{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := h.Client.WaitOperation(ctx, gone.Operation.ID, func(operation.Operation) {}); err != nil {
		b.Fatal(err)
	}
	return s
}

func step(op operation.Operation, begins string) time.Duration {
	for _, s := range op.Steps {
		if strings.HasPrefix(s.Name, begins) && s.Started != nil && s.Ended != nil {
			return s.Ended.Sub(*s.Started)
		}
	}
	return 0
}

var launched = regexp.MustCompile(`msg=launched vm=(\S+) .*prepare_us=(\d+) clone_us=(\d+) shim_us=(\d+)`)

// micros reads hv-helper's own figures of one launch from hvd's log.
func micros(log, name string) (prepare, clone, shim time.Duration) {
	for _, m := range launched.FindAllStringSubmatch(log, -1) {
		if m[1] == name {
			us := func(s string) time.Duration { n, _ := strconv.Atoi(s); return time.Duration(n) * time.Microsecond }
			return us(m[2]), us(m[3]), us(m[4])
		}
	}
	return 0, 0, 0
}

// commandLine is that of a VM of ours, as the kernel knows it.
func commandLine(b *testing.B, h *onehost.Host) []string {
	b.Helper()
	ctx := b.Context()
	if _, err := h.Client.CreateVM(ctx, "", tiny("template"), client.Change{}); err != nil {
		b.Fatal(err)
	}
	v := h.WaitState(ctx, "template", "prelaunch")
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", v.Status.Power.Process.PID))
	if err != nil {
		b.Fatal(err)
	}
	return strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
}

var monitorFD = regexp.MustCompile(`^socket,id=qmp,fd=(\d+),`)

// bareStart starts the same command line without any of us, and measures from exec to the answer of
// query-status.
func bareStart(b *testing.B, argv []string) (took time.Duration) {
	b.Helper()
	begin := time.Now()
	bareRun(b, argv, func() { took = time.Since(begin) })
	return took
}

// bareRun starts it and calls answered when it has; then it is ended.
func bareRun(b *testing.B, argv []string, answered func()) {
	b.Helper()
	dir := b.TempDir()
	path := filepath.Join(dir, "qmp")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		b.Fatal(err)
	}
	file, err := l.File()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/qemu-system-x86_64", argv[1:]...) //nolint:noctx // ended below
	for _, arg := range argv {
		if m := monitorFD.FindStringSubmatch(arg); m != nil {
			n, _ := strconv.Atoi(m[1])
			cmd.ExtraFiles = make([]*os.File, n-2)
			cmd.ExtraFiles[n-3] = file
		}
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = file.Close(); _ = l.Close() }()
	m, err := monitor.Dial(b.Context(), path, monitor.Options{VM: "bare", Greeting: 30 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if _, err := m.Execute(b.Context(), qmp.Command{Name: "query-status"}); err != nil {
		b.Fatal(err)
	}
	answered()
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
