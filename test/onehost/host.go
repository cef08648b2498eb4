//go:build linux

// Package onehost starts hv-helper and hvd as they ship, as root and as an unprivileged user, on a
// state folder of their own: one whole host for tests and benchmarks.
//
// What lives here: starting, killing and taking away. What does not: what is asked of them.
package onehost

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// The ids that hvd and the API's group have; no account is made for them.
const (
	UserHVD  = 64087
	GroupAPI = 64088
)

// Host is one installation.
type Host struct {
	testing.TB
	State  string // the state folder
	Run    string // the run folder
	Client *client.Client
	Bin    string // folder of hv, hvd and hv-helper

	helper, hvd *daemon
}

type daemon struct {
	cmd  *exec.Cmd
	log  *Log
	done chan error
}

// Log is what a daemon printed so far.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Programs is the folder of hv, hvd and hv-helper: built once, as they ship, unless HV_BIN names one that
// has them.
var Programs = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("HV_BIN"); bin != "" {
		return bin, nil
	}
	root, err := exec.Command("go", "env", "GOMOD").Output() //nolint:noctx // it ends by itself
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "hv-bin")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", "./cmd/hv", "./cmd/hvd", "./cmd/hv-helper") //nolint:noctx // it ends by itself
	build.Dir, build.Env = filepath.Dir(strings.TrimSpace(string(root))), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
})

// New starts a host and takes it away, with every VM, when the test ends.
func New(t testing.TB) *Host {
	t.Helper()
	return begin(t, Programs, "")
}

// NewFrom starts a host with the programs in a folder.
func NewFrom(t testing.TB, programs func() (string, error)) *Host {
	t.Helper()
	return begin(t, programs, "")
}

// NewIn starts a host below a folder that the test has made.
func NewIn(t testing.TB, parent string) *Host {
	t.Helper()
	return begin(t, Programs, parent)
}

func begin(t testing.TB, programs func() (string, error), parent string) *Host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a whole host needs root; run: sudo make e2e")
	}
	for _, p := range []string{"/usr/bin/qemu-system-x86_64", "/usr/bin/setpriv"} {
		if _, err := os.Stat(p); err != nil {
			t.Skipf("%v; scripts/deps.sh test", err)
		}
	}
	built, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	if parent == "" {
		if parent, err = os.MkdirTemp("/var/tmp", "hv-host"); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(parent, 0o755); err != nil { //nolint:gosec // hvd, who is somebody else, must pass
		t.Fatal(err)
	}
	h := &Host{TB: t, State: filepath.Join(parent, "state"), Bin: filepath.Join(parent, "bin")}
	h.Run = privilege.RunFolder(h.State)
	h.Client = client.Unix(filepath.Join(h.Run, "api.sock"))
	h.Install(built)
	t.Cleanup(func() { h.takeAway(parent) })
	h.StartHelper()
	h.StartHVD()
	return h
}

// Install puts the programs where user hvd can reach them, in the place of others: those that run keep theirs.
func (h *Host) Install(from string) {
	h.Helper()
	if err := os.MkdirAll(h.Bin, 0o755); err != nil {
		h.Fatal(err)
	}
	for _, name := range []string{"hv", "hvd", "hv-helper"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(h.Bin, name+".new"), data, 0o755)
		}
		if err == nil {
			err = os.Rename(filepath.Join(h.Bin, name+".new"), filepath.Join(h.Bin, name))
		}
		if err != nil {
			h.Fatal(err)
		}
	}
}

// StartHelper starts hv-helper and waits until it serves.
func (h *Host) StartHelper() {
	h.Helper()
	h.helper = h.start(exec.Command(filepath.Join(h.Bin, "hv-helper"), "--state", h.State, "--ready-fd", "3", //nolint:noctx // ended by KillHelper
		"--hvd-user", fmt.Sprint(UserHVD), "--group", fmt.Sprint(GroupAPI)))
}

// StartHVD starts hvd as its user, without any capability, and waits until the API is served.
func (h *Host) StartHVD(args ...string) {
	h.Helper()
	h.hvd = h.start(h.hvdCommand(append(args, "--ready-fd", "3")...))
}

// RunHVD starts hvd where it is to end by itself, and returns what it said and its exit code.
func (h *Host) RunHVD() (said string, code int) {
	h.Helper()
	cmd := h.hvdCommand()
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	out, _ := cmd.CombinedOutput() // the code says how it ended
	return string(out), cmd.ProcessState.ExitCode()
}

func (h *Host) hvdCommand(args ...string) *exec.Cmd {
	return exec.Command("setpriv", append([]string{fmt.Sprintf("--reuid=%d", UserHVD), fmt.Sprintf("--regid=%d", UserHVD), "--clear-groups", //nolint:noctx // ended by KillHVD
		"--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--", filepath.Join(h.Bin, "hvd"), "--state", h.State}, args...)...)
}

func (h *Host) start(cmd *exec.Cmd) *daemon {
	h.Helper()
	ready, w, err := os.Pipe()
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = ready.Close() }()
	d := &daemon{cmd: cmd, log: &Log{}, done: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = d.log, d.log, []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	_ = w.Close()
	go func() { d.done <- cmd.Wait() }()
	if line, err := bufio.NewReader(ready).ReadString('\n'); err != nil || line != "ready\n" {
		h.Fatalf("%s did not start: %q %v\n%s", cmd.Path, line, err, d.log)
	}
	return d
}

// HVD is hvd's process ID, and HelperPID hv-helper's.
func (h *Host) HVD() int { return h.hvd.cmd.Process.Pid }

// HelperPID is hv-helper's process ID.
func (h *Host) HelperPID() int { return h.helper.cmd.Process.Pid }

// Logs is what both daemons printed since they were last started.
func (h *Host) Logs() string {
	return "hv-helper:\n" + h.helper.log.String() + "hvd:\n" + h.hvd.log.String()
}

// EndHVD sends hvd a signal and waits for its end.
func (h *Host) EndHVD(s syscall.Signal) error { return h.hvd.end(s) }

// EndHelper sends hv-helper a signal and waits for its end.
func (h *Host) EndHelper(s syscall.Signal) error { return h.helper.end(s) }

func (d *daemon) end(s syscall.Signal) error {
	if d == nil || d.cmd == nil {
		return nil
	}
	_ = d.cmd.Process.Signal(s) // gone already is gone
	err := <-d.done
	d.cmd = nil
	return err
}

// HV runs `hv` as root against this host, and returns what it printed and its exit code.
func (h *Host) HV(ctx context.Context, stdin io.Reader, args ...string) (stdout, stderr string, code int) {
	h.Helper()
	cmd := exec.CommandContext(ctx, filepath.Join(h.Bin, "hv"), args...)
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	cmd.Env = append(os.Environ(), "HV_HOST=unix://"+filepath.Join(h.Run, "api.sock"))
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// takeAway ends every VM and both daemons, and removes what they have left.
func (h *Host) takeAway(parent string) {
	if h.Failed() && h.helper != nil && h.hvd != nil {
		h.Log(h.Logs())
	}
	if h.helper == nil || h.helper.cmd == nil {
		h.StartHelper()
	}
	_ = h.hvd.end(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	helper := privilege.Dial(filepath.Join(h.Run, privilege.HelperSocket))
	defer helper.Close()
	list, err := helper.List(ctx)
	if err != nil {
		h.Error(err)
	}
	for _, run := range list.VMs {
		h.end(ctx, helper, run)
	}
	_ = h.helper.end(syscall.SIGTERM)
	for _, dir := range []string{parent, h.Run} {
		if err := os.RemoveAll(dir); err != nil {
			h.Error(err)
		}
	}
}

func (h *Host) end(ctx context.Context, helper *privilege.Client, run privilege.Running) {
	if run.Alive {
		if f, err := helper.Attach(ctx, run.VM); err == nil {
			_ = helper.Kill(ctx, run.VM, privilege.SignalKill)
			waitGone(f)
		}
	}
	if err := helper.Forget(ctx, run.VM); err != nil {
		h.Error(err)
	}
}

// WaitState waits for the event after which a VM is in one of states, and returns the VM then.
func (h *Host) WaitState(ctx context.Context, name string, states ...string) wire.VM {
	h.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ref := model.Ref{Project: model.DefaultProject, Name: name}
	is := func() (wire.VM, bool) {
		v, err := h.Client.VM(ctx, ref)
		if err != nil || v.Status.Power == nil {
			return v, false
		}
		for _, s := range states {
			if string(v.Status.Power.State) == s {
				return v, true
			}
		}
		return v, false
	}
	page, err := h.Client.VMPage(ctx, model.DefaultProject, client.ListOptions{Limit: 1})
	if err != nil {
		h.Fatal(err)
	}
	if v, ok := is(); ok {
		return v
	}
	for _, err := range h.Client.Events(ctx, client.EventOptions{Subject: "vm/default/" + name, From: page.Revision + 1}) {
		if err != nil {
			v, _ := is()
			h.Fatalf("vm %s is not %v: %v; it is %+v\n%s", name, states, err, v.Status.Power, h.Logs())
		}
		if v, ok := is(); ok {
			return v
		}
	}
	return wire.VM{}
}
