//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// The ids that hvd and the API's group have in these tests; no account is made for them.
const (
	helperHVD = 64077
	helperAPI = 64078
)

// helperProgram is hv-helper, built once as it ships. Its file is gone when it is used: it lives as long as
// this process has it open, and nobody has to remove it.
var helperProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hv-helper-e2e")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "hv-helper")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "../../cmd/hv-helper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	program, err := os.Open(path)
	if err != nil {
		return "", err
	}
	helperFile = program
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), helperFile.Fd()), nil
})

// helperFile keeps the program's file open.
var helperFile *os.File

// helperHost is one installation: a state folder, its run folder, and the hv-helper that serves it.
type helperHost struct {
	t      *testing.T
	state  string
	run    string
	client *privilege.Client
	cmd    *exec.Cmd
	log    *strings.Builder
	done   chan error
	attr   *syscall.SysProcAttr
	uids   map[uint32]bool // the blocks that VMs of this host have had
}

func newHelperHost(t *testing.T, options ...func(*helperHost)) *helperHost {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("hv-helper needs root; run: sudo make e2e")
	}
	for _, p := range []string{"/usr/bin/qemu-system-x86_64", "/usr/bin/passt"} {
		if _, err := os.Stat(p); err != nil {
			t.Skipf("%v; apt-get install qemu-system-x86 passt", err)
		}
	}
	parent, err := os.MkdirTemp("/var/tmp", "hv-e2e")
	if err != nil {
		t.Fatal(err)
	}
	h := &helperHost{t: t, state: filepath.Join(parent, "state"), uids: map[uint32]bool{}}
	h.run = privilege.RunFolder(h.state)
	h.client = privilege.Dial(filepath.Join(h.run, privilege.HelperSocket))
	for _, o := range options {
		o(h)
	}
	h.start()
	t.Cleanup(func() {
		h.retire()
		for _, dir := range []string{parent, h.run} {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	})
	return h
}

// start starts hv-helper and waits until it says that it is ready.
func (h *helperHost) start() {
	h.t.Helper()
	program, err := helperProgram()
	if err != nil {
		h.t.Fatal(err)
	}
	ready, w, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer ready.Close()
	h.log = &strings.Builder{}
	h.cmd = exec.Command(program, "--state", h.state, "--hvd-user", fmt.Sprint(helperHVD), "--group", fmt.Sprint(helperAPI), "--ready-fd", "3")
	h.cmd.ExtraFiles, h.cmd.Stderr, h.cmd.Stdout = []*os.File{w}, h.log, h.log
	h.cmd.SysProcAttr = h.attr
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	_ = w.Close()
	h.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan error) { done <- cmd.Wait() }(h.cmd, h.done)
	if line, err := bufio.NewReader(ready).ReadString('\n'); err != nil || line != "ready\n" {
		h.t.Fatalf("hv-helper did not start: %q, %v, %v\n%s", line, err, <-h.done, h.log)
	}
}

// end sends a signal and waits for hv-helper's end.
func (h *helperHost) end(s syscall.Signal) error {
	if h.cmd == nil {
		return nil
	}
	_ = h.cmd.Process.Signal(s)
	err := <-h.done
	h.cmd = nil
	return err
}

// retire takes every VM away and ends hv-helper in order.
func (h *helperHost) retire() {
	if h.cmd == nil {
		h.start()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	list, err := h.client.List(ctx)
	if err != nil {
		h.t.Error(err)
	}
	for _, vm := range list.VMs {
		h.remove(vm.VM)
	}
	if err := h.end(syscall.SIGTERM); err != nil {
		h.t.Errorf("hv-helper did not end in order: %v\n%s", err, h.log)
	}
	h.client.Close()
	if h.t.Failed() {
		h.t.Logf("hv-helper said:\n%s", h.log)
	}
}

// noteUIDs reads which uids VMs have now: others on this machine run VMs, too, and theirs are not ours.
func (h *helperHost) noteUIDs() {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.state, "helper", "uids.json"))
	if os.IsNotExist(err) {
		return
	}
	var table struct{ Blocks map[string]uint32 }
	if err == nil {
		err = json.Unmarshal(data, &table)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	for _, first := range table.Blocks {
		h.uids[first] = true
	}
}

// remove kills one VM and forgets it.
func (h *helperHost) remove(vm string) {
	h.t.Helper()
	h.noteUIDs()
	ctx := h.t.Context()
	if ctx.Err() != nil {
		ctx = context.Background()
	}
	if pidfd, err := h.client.Attach(ctx, vm); err == nil {
		if err := h.client.Kill(ctx, vm, privilege.SignalKill); err != nil {
			h.t.Error(err)
		}
		awaitGone(h.t, pidfd)
		_ = pidfd.Close()
	}
	if err := h.client.Forget(ctx, vm); err != nil {
		h.t.Errorf("forget %s: %v", vm, err)
	}
}

// awaitGone waits until a pidfd says that its process has ended.
func awaitGone(t *testing.T, pidfd *os.File) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 20_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("the process has not ended: %v", err)
		}
		return
	}
}

const helperVM = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001"

// pausedQ35 is the least that a real QEMU needs: it waits for cont, with its monitor on socket "qmp".
func pausedQ35() privilege.Launch {
	return privilege.Launch{
		VM: helperVM, Name: "web", Arch: "x86_64",
		Args: []string{
			"-S", "-m", "16", "-M", "q35", "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none",
			"-chardev", "socket,id=qmp,server=on,wait=off,fd={fd:qmp}", "-mon", "chardev=qmp,mode=control",
		},
		Sockets: []string{"qmp"},
	}
}

// qmp is a monitor connection, as hvd would have it.
type qmpConn struct {
	t    *testing.T
	conn net.Conn
	in   *json.Decoder
}

func dialQMP(t *testing.T, path string) *qmpConn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	q := &qmpConn{t, conn, json.NewDecoder(conn)}
	var greeting map[string]any
	if err := q.in.Decode(&greeting); err != nil {
		t.Fatalf("no greeting: %v", err)
	}
	q.do("qmp_capabilities")
	return q
}

// close lets the next client in: QEMU serves one at a time.
func (q *qmpConn) close() { _ = q.conn.Close() }

// do executes one command and returns its answer; events in between are passed over.
func (q *qmpConn) do(command string) json.RawMessage {
	q.t.Helper()
	if err := json.NewEncoder(q.conn).Encode(map[string]string{"execute": command}); err != nil {
		q.t.Fatal(err)
	}
	for {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct{ Desc string }
			Event  string `json:"event"`
		}
		if err := q.in.Decode(&answer); err != nil {
			q.t.Fatalf("%s: %v", command, err)
		}
		switch {
		case answer.Event != "":
			continue
		case answer.Error != nil:
			q.t.Fatalf("%s: %s", command, answer.Error.Desc)
		}
		return answer.Return
	}
}
