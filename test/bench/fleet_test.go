//go:build e2e

package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// fleetHost is a real hvd as its own user whose VMs are all in one process (test/fleet).
type fleetHost struct {
	*testing.B
	state, run, bin string
	fleet, hvd      *exec.Cmd
	printed         bytes.Buffer // by hvd; read when it has ended
	client          *client.Client
}

func newFleet(b *testing.B) *fleetHost {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("hvd runs as another user, which needs root; run: sudo make bench")
	}
	built, err := onehost.Programs()
	must(b, err)
	parent, err := os.MkdirTemp("/var/tmp", "hv-fleet")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(parent)) })
	must(b, os.Chmod(parent, 0o755)) //nolint:gosec // hvd, who is somebody else, must pass
	h := &fleetHost{B: b, state: filepath.Join(parent, "state"), bin: parent}
	h.run = privilege.RunFolder(h.state)
	h.client = client.Unix(filepath.Join(h.run, privilege.APISocket))
	must(b, os.Mkdir(h.state, 0o700))
	must(b, os.Chown(h.state, onehost.UserHVD, onehost.UserHVD))
	for _, name := range []string{"hv", "hvd"} {
		data, err := os.ReadFile(filepath.Join(built, name))
		must(b, err)
		must(b, os.WriteFile(filepath.Join(parent, name), data, 0o755))
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(parent, "fleet"), "../fleet").CombinedOutput() //nolint:noctx // it ends by itself
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	h.sail()
	h.startHVD()
	b.Cleanup(func() { _ = h.hvd.Process.Kill(); _ = h.hvd.Wait() })
	return h
}

// sail starts the fleet.
func (h *fleetHost) sail() {
	h.Helper()
	uid := strconv.Itoa(onehost.UserHVD)
	h.fleet = exec.Command(filepath.Join(h.bin, "fleet"), h.run, uid, uid) //nolint:noctx // ended below
	h.fleet.Stderr = os.Stderr
	in, err := h.fleet.StdinPipe()
	must(h.B, err)
	out, err := h.fleet.StdoutPipe()
	must(h.B, err)
	must(h.B, h.fleet.Start())
	h.Cleanup(func() { must(h.B, errors.Join(in.Close(), h.fleet.Wait())) })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		h.Fatalf("fleet: %q %v", line, err)
	}
}

// startHVD returns how long it took to serve the API, with everything adopted.
func (h *fleetHost) startHVD() time.Duration {
	h.Helper()
	ready, w, err := os.Pipe()
	must(h.B, err)
	defer func() { _ = ready.Close() }()
	h.printed.Reset()
	h.hvd = exec.Command("setpriv", fmt.Sprintf("--reuid=%d", onehost.UserHVD), fmt.Sprintf("--regid=%d", onehost.UserHVD), "--clear-groups", //nolint:noctx // ended by stopHVD
		"--", filepath.Join(h.bin, "hvd"), "--state", h.state, "--ready-fd", "3")
	h.hvd.Stdout, h.hvd.Stderr, h.hvd.ExtraFiles = &h.printed, &h.printed, []*os.File{w}
	begin := time.Now()
	must(h.B, h.hvd.Start())
	_ = w.Close()
	if line, err := bufio.NewReader(ready).ReadString('\n'); line != "ready\n" {
		_ = h.hvd.Wait()
		h.Fatalf("hvd: %q %v\n%s", line, err, h.printed.String())
	}
	return time.Since(begin)
}

// stopHVD ends hvd and returns what it printed.
func (h *fleetHost) stopHVD(s syscall.Signal) string {
	h.Helper()
	must(h.B, h.hvd.Process.Signal(s))
	_ = h.hvd.Wait() // a signal is how it was told to end
	return h.printed.String()
}

// hv runs the command line and returns what it printed.
func (h *fleetHost) hv(args ...string) []byte {
	h.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "hv"), args...) //nolint:noctx // it ends by itself
	cmd.Env = append(os.Environ(), "HV_HOST=unix://"+filepath.Join(h.run, privilege.APISocket))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(h.B, err)
	return out
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// process is what the kernel knows of one.
type process struct {
	rss, anon float64 // MiB
	fds       int
	threads   int
	cpu       time.Duration
	wakeups   int // voluntary context switches of all threads
}

func processOf(b *testing.B, pid int) process {
	b.Helper()
	status := status(b, fmt.Sprintf("/proc/%d/status", pid))
	mib := func(key string) float64 { return float64(status[key]) / 1024 }
	p := process{rss: mib("VmRSS"), anon: mib("RssAnon"), threads: status["Threads"]}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(b, err)
	p.fds = len(fds)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(b, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	p.cpu = time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 everywhere
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	must(b, err)
	for _, task := range tasks {
		p.wakeups += statusOr(task)["voluntary_ctxt_switches"]
	}
	return p
}

func status(b *testing.B, path string) map[string]int {
	b.Helper()
	out := statusOr(path)
	if len(out) == 0 {
		b.Fatalf("%s cannot be read", path)
	}
	return out
}

// statusOr reads a status file of /proc; nothing of a thread that has ended.
func statusOr(path string) map[string]int {
	data, _ := os.ReadFile(path)
	out := map[string]int{}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			if fields := strings.Fields(value); len(fields) > 0 {
				out[key], _ = strconv.Atoi(fields[0])
			}
		}
	}
	return out
}

var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines counts them in what Go prints at SIGQUIT.
func goroutines(printed string) int { return len(goroutine.FindAllString(printed, -1)) }
