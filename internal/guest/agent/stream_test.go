package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// programs runs on this machine what a guest is asked to run, as the agent does.
type programs struct {
	noShell bool
	missed  atomic.Bool // the first look at what it writes found no folder, and this is heard late
	running sync.WaitGroup

	mu  sync.Mutex
	all map[int]*program
}

type program struct {
	out, err bytes.Buffer
	done     chan struct{}
	state    *os.ProcessState
}

func (p *programs) answer(line []byte) string {
	var r struct {
		Execute   string
		Arguments struct {
			execArgs
			PID int
		}
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return `!{"error": {"class": "GenericError", "desc": "JSON parse error"}}`
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Execute == "guest-exec" {
		return p.start(r.Arguments.execArgs)
	}
	one := p.all[r.Arguments.PID]
	if one == nil {
		return `!{"error": {"class": "GenericError", "desc": "Invalid parameter 'pid'"}}`
	}
	select {
	case <-one.done:
	default:
		return `{"exited": false}`
	}
	delete(p.all, r.Arguments.PID)
	st := map[string]any{"exited": true, "out-data": one.out.Bytes(), "err-data": one.err.Bytes()}
	if w, ok := one.state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		st["signal"] = int(w.Signal())
	} else {
		st["exitcode"] = one.state.ExitCode()
	}
	text, _ := json.Marshal(st) // it is all plain
	return string(text)
}

func (p *programs) start(a execArgs) string {
	one := &program{done: make(chan struct{})}
	if n := len(a.Arg); n > 2 && a.Arg[1] == fetchInGuest && a.Arg[n-1] == "o" && p.missed.CompareAndSwap(true, false) {
		a.Arg = []string{"-c", "sleep 0.5; exit 3"}
	}
	cmd := exec.Command(a.Path, a.Arg...) //nolint:noctx // the tests end it
	cmd.Env = a.Env
	cmd.Stdin = bytes.NewReader(a.Input)
	if a.Capture {
		cmd.Stdout, cmd.Stderr = &one.out, &one.err
	}
	err := errors.New("no such file or directory")
	if !p.noShell || a.Path != shell {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Sprintf(`!{"error": {"class": "GenericError", "desc": "Failed to execute child process %s"}}`, a.Path)
	}
	if p.all == nil {
		p.all = map[int]*program{}
	}
	p.all[cmd.Process.Pid] = one
	p.running.Go(func() {
		_ = cmd.Wait() // its state says how it ended
		one.state = cmd.ProcessState
		close(one.done)
	})
	return fmt.Sprintf(`{"pid": %d}`, cmd.Process.Pid)
}

// heard is what was told of a program.
type heard struct {
	out, err strings.Builder
	pid      int
	atEnd    bool
	some     func(*heard) // after each part
}

func (h *heard) tell(p vm.ExecPart) error {
	h.out.Write(p.Output)
	h.err.Write(p.Errors)
	h.pid, h.atEnd = max(h.pid, p.PID), h.atEnd || p.AtEnd
	if h.some != nil {
		h.some(h)
	}
	return nil
}

func unixGuest(t *testing.T) *line {
	runs := &programs{}
	t.Cleanup(runs.running.Wait) // when nobody can have any more run
	l := start(t, debian())
	l.guest.runs = runs
	l.opened(t)
	t.Cleanup(func() { nothingLeftInGuest(t) })
	return l
}

// nothingLeftInGuest waits until the folders that programs wrote into are gone.
func nothingLeftInGuest(t *testing.T) {
	t.Helper()
	var left []string
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		left = nil
		for _, dir := range []string{"/run/hv-*/keeper", "/tmp/hv-*/keeper"} {
			found, _ := filepath.Glob(dir)
			left = append(left, found...)
		}
		if len(left) == 0 {
			return
		}
	}
	t.Errorf("in the guest there is left %v", left)
}

func TestWhatAProgramWritesIsToldWhileItRuns(t *testing.T) {
	l := unixGuest(t)
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	var opened sync.Once
	h := &heard{some: func(h *heard) {
		if h.out.String() == "one\n" { // it ends when that was heard
			opened.Do(func() {
				if err := os.WriteFile(gate, []byte("go\n"), 0o600); err != nil {
					t.Error(err)
				}
			})
		}
	}}
	got, err := l.Stream(t.Context(), ref, vm.ExecRequest{
		Command: []string{"sh", "-c", `cat; read x < "$0"; echo "$1 $MINE"; echo wrong >&2; exit 7`, gate, "two words"}, Input: []byte("one\n"), Env: []string{"MINE=too"},
	}, h.tell)
	if err != nil || got.ExitCode != 7 || h.out.String() != "one\ntwo words too\n" || h.err.String() != "wrong\n" || h.atEnd || h.pid != got.PID {
		t.Errorf("%+v, %+v, %q, %q, %v", got, h, h.out.String(), h.err.String(), err)
	}
	got, err = l.Stream(t.Context(), ref, vm.ExecRequest{Command: []string{"sh", "-c", "kill -KILL $$"}}, (&heard{}).tell)
	if err != nil || got.Signal != 9 {
		t.Errorf("one that a signal ended: %+v, %v", got, err)
	}
	h = &heard{}
	got, err = l.Stream(t.Context(), ref, vm.ExecRequest{Command: []string{"no-such-program"}}, h.tell)
	if err != nil || got.ExitCode != 127 || !strings.Contains(h.err.String(), "no-such-program") {
		t.Errorf("one that there is not: %+v, %q, %v", got, h.err.String(), err)
	}
}

func TestAllOfALotIsToldInItsOrder(t *testing.T) {
	l := unixGuest(t)
	h := &heard{}
	if got, err := l.Stream(t.Context(), ref, vm.ExecRequest{Command: []string{"seq", "1", "300000"}}, h.tell); err != nil || got.ExitCode != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	var want strings.Builder
	for i := range 300000 {
		fmt.Fprintln(&want, i+1)
	}
	if h.out.String() != want.String() {
		t.Errorf("%d bytes came, and %d were written", h.out.Len(), want.Len())
	}
}

func TestAProgramEndsWithWhoWaitsForIt(t *testing.T) {
	l := unixGuest(t)
	sign := filepath.Join(t.TempDir(), "sign")
	what := vm.ExecRequest{Command: []string{"sh", "-c", `trap 'echo ended > "$0"; exit' TERM; echo ready; while :; do sleep 1; done`, sign}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := &heard{some: func(h *heard) {
		if h.out.Len() > 0 {
			cancel()
		}
	}}
	_, err := l.Stream(ctx, ref, what, h.tell)
	if text, _ := os.ReadFile(sign); fault.CodeOf(err) != "HV-GUEST-007" || string(text) != "ended\n" {
		t.Errorf("whose reader has gone: %v, and it wrote %q", err, text)
	}
	if err := os.Remove(sign); err != nil {
		t.Fatal(err)
	}
	// A reader that does not take what it is told has gone too.
	if _, err := l.Stream(t.Context(), ref, what, func(p vm.ExecPart) error {
		if len(p.Output) > 0 {
			return errors.New("broken pipe")
		}
		return nil
	}); fault.CodeOf(err) != "HV-GUEST-007" {
		t.Error(err)
	}
	if text, _ := os.ReadFile(sign); string(text) != "ended\n" {
		t.Errorf("whose reader is broken wrote %q", text)
	}
}

func TestAProgramWhoseTimeIsUpGoesOn(t *testing.T) {
	l := unixGuest(t)
	daemonEnds, stop := context.WithCancelCause(t.Context())
	h := &heard{some: func(h *heard) {
		if h.out.Len() > 0 {
			stop(errors.New("the daemon goes down"))
		}
	}}
	_, err := l.Stream(daemonEnds, ref, vm.ExecRequest{Command: []string{"sh", "-c", "echo $$; exec sleep 600"}}, h.tell)
	if fault.CodeOf(err) != "HV-GUEST-007" || !strings.Contains(err.Error(), "goes on as process") {
		t.Errorf("%v", err)
	}
	if err := syscall.Kill(h.pid, syscall.SIGKILL); err != nil {
		t.Errorf("process %d is not there: %v", h.pid, err)
	}
	for _, dir := range []string{"/run/hv-*/keeper", "/tmp/hv-*/keeper"} { // as it would itself, in a minute or two
		found, _ := filepath.Glob(dir)
		for _, k := range found {
			text, _ := os.ReadFile(k)
			_ = exec.CommandContext(t.Context(), "kill", strings.TrimSpace(string(text))).Run()
		}
	}
}

func TestAGuestThatCannotBeHeardMeanwhileIsHeardAtTheEnd(t *testing.T) {
	for name, change := range map[string]func(*programs, *vm.ExecRequest){
		"no shell":       func(p *programs, _ *vm.ExecRequest) { p.noShell = true },
		"nothing to use": func(_ *programs, r *vm.ExecRequest) { r.Env = []string{"PATH=/nowhere"} },
	} {
		t.Run(name, func(t *testing.T) {
			l := unixGuest(t)
			what := vm.ExecRequest{Command: []string{"/usr/bin/env", "/bin/sh", "-c", "echo out; echo err >&2; exit 3"}}
			change(l.guest.runs, &what)
			h := &heard{}
			got, err := l.Stream(t.Context(), ref, what, h.tell)
			if err != nil || got.ExitCode != 3 || h.out.String() != "out\n" || h.err.String() != "err\n" || !h.atEnd {
				t.Errorf("%+v, %+v, %v", got, h, err)
			}
		})
	}
}

// A guest that is slow to begin has its folder between the two first looks: what the one missed is no end of it.
func TestAStrandThatWasLookedForTooEarlyIsHeardLater(t *testing.T) {
	l := unixGuest(t)
	l.guest.runs.missed.Store(true)
	h := &heard{}
	got, err := l.Stream(t.Context(), ref, vm.ExecRequest{Command: []string{"sh", "-c", "echo err >&2; echo out"}}, h.tell)
	if err != nil || got.ExitCode != 0 || h.out.String() != "out\n" || h.err.String() != "err\n" || l.guest.runs.missed.Load() {
		t.Errorf("%+v, %q, %q, %v", got, h.out.String(), h.err.String(), err)
	}
}

func TestAProgramHasTheVariablesThatItIsGiven(t *testing.T) {
	l := unixGuest(t)
	h := &heard{}
	_, err := l.Stream(t.Context(), ref, vm.ExecRequest{Command: []string{"sh", "-c", `echo "$d $s"`}, Env: []string{"d=my", "s=own"}}, h.tell)
	if err != nil || h.out.String() != "my own\n" {
		t.Errorf("%q, %v", h.out.String(), err)
	}
}

// Everybody in a guest sees the name of the folder (ps), and may make one in /tmp that leads the agent, which is root there, astray.
func TestNothingIsDoneInAFolderThatAnotherHasMade(t *testing.T) {
	for name, anothers := range map[string]func(t *testing.T, dir string){
		"another's": func(t *testing.T, dir string) {
			if os.Getuid() != 0 {
				t.Skip("only root can make a folder another's")
			}
			if err := errors.Join(os.Mkdir(dir, 0o700), syscall.Mkfifo(dir+"/o", 0o600), os.Chown(dir, 65534, 65534)); err != nil {
				t.Fatal(err)
			}
		},
		"a link": func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), dir); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			precious := filepath.Join(t.TempDir(), "precious")
			victim := exec.CommandContext(t.Context(), "sleep", "600")
			if err := errors.Join(os.WriteFile(precious, []byte("kept"), 0o600), victim.Start()); err != nil {
				t.Fatal(err)
			}
			of := "hv-test" + rand.Text()
			dir := "/tmp/" + of
			anothers(t, dir)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			if err := errors.Join(os.Symlink(precious, dir+"/alive"), os.WriteFile(dir+"/keeper", fmt.Append(nil, victim.Process.Pid), 0o600)); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{sayAlive, tidyUp} {
				if out, err := exec.CommandContext(t.Context(), shell, "-c", text, of).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}
			out := exec.CommandContext(t.Context(), shell, "-c", fetchInGuest, of, "o")
			if _ = out.Run(); out.ProcessState.ExitCode() != noFolder {
				t.Errorf("it was listened to: %v", out.ProcessState)
			}
			if text, err := os.ReadFile(precious); string(text) != "kept" {
				t.Errorf("a file that it leads to holds %q, %v", text, err)
			}
			err := victim.Process.Signal(syscall.SIGKILL)
			_ = victim.Wait() // it was killed, by us
			if w, ok := victim.ProcessState.Sys().(syscall.WaitStatus); err != nil || !ok || w.Signal() != syscall.SIGKILL {
				t.Errorf("a process that it names ended: %v, %v", victim.ProcessState, err)
			}
		})
	}
}
