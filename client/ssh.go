package client

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Remote returns a client of a daemon on another host: `hv proxy` runs there, and HTTP goes through its
// stdin and stdout. One ssh is one connection, kept alive between requests; the first one is the master
// through which the others go (ssh_config(5), ControlMaster), so that a person is asked once. The
// daemon there sees whom ssh has logged in.
func Remote(to SSH) *Client {
	d := &sshDialer{to: to, turn: make(chan struct{}, 1), alive: map[*exec.Cmd]bool{}}
	return New(Options{Address: to.String(), Dial: d.dial, Hangup: d.hangup})
}

// sshDialer holds the ssh processes of one client.
type sshDialer struct {
	to   SSH
	turn chan struct{} // one dials at a time: the second finds the first one's master

	mu      sync.Mutex
	control string // folder of the master's socket; empty where none was made
	alive   map[*exec.Cmd]bool
	reaped  sync.WaitGroup
	closed  bool
}

// grace is how long an ssh may take to end after it was told to.
const grace = time.Second

func (d *sshDialer) dial(ctx context.Context) (net.Conn, error) {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	program, err := exec.LookPath("ssh")
	if err != nil {
		return nil, fault.New(fault.Precondition, "cannot reach %s: there is no ssh on this machine", d.to).WithCode(wire.CodeNoSSH).
			Try("install OpenSSH's client: apt-get install openssh-client")
	}
	ours, theirs, err := pair()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot start ssh").Because(err)
	}
	said := &tail{}
	//nolint:noctx // every word of it was checked (ParseSSH); it ends with the connection, not with the dialling
	cmd := exec.Command(program, d.to.words(d.sharing()...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, said
	cmd.WaitDelay = grace // whom ssh has started may keep its stderr open
	ended, err := d.start(cmd)
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { terminate(cmd) })
	err = greeted(ours)
	if stop(); err == nil {
		return ours, nil
	}
	_ = ours.Close() // what still speaks hears that nobody listens
	var code int
	select {
	case code = <-ended:
	case <-time.After(grace): // a stranger that waits for something
		terminate(cmd)
		code = <-ended
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, d.why(err, code, said.String())
}

// start runs an ssh and reaps it. Its exit code comes once.
func (d *sshDialer) start(cmd *exec.Cmd) (<-chan int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fault.New(fault.Unavailable, "the client was closed")
	}
	if err := cmd.Start(); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot start ssh").Because(err).WithCode(wire.CodeNoSSH)
	}
	d.alive[cmd] = true
	ended := make(chan int, 1)
	d.reaped.Go(func() {
		_ = cmd.Wait() // the exit code says it
		d.mu.Lock()
		delete(d.alive, cmd)
		d.mu.Unlock()
		ended <- cmd.ProcessState.ExitCode()
	})
	return ended, nil
}

// plainPath is a path that ssh's reader of options takes as it stands, and that a socket may have:
// ssh puts 17 characters behind it while it makes the socket.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,80}$`)

// sharing are the options by which all of this client's ssh go through the first one's connection. Where
// there is no place for its socket each goes by itself: only slower, and a password is asked for each.
func (d *sshDialer) sharing() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.control == "" && !d.closed {
		folder, err := os.MkdirTemp("", "hv-ssh-")
		if err != nil {
			return nil
		}
		d.control = folder
	}
	socket := filepath.Join(d.control, "c")
	if !plainPath.MatchString(socket) {
		return nil
	}
	return []string{"-o", "ControlMaster=auto", "-o", "ControlPersist=no", "-o", "ControlPath=" + socket}
}

// hangup ends every ssh. Whoever called has all answers that he waits for.
func (d *sshDialer) hangup() {
	d.mu.Lock()
	d.closed = true
	for cmd := range d.alive {
		terminate(cmd)
	}
	d.mu.Unlock()
	ended := make(chan struct{})
	go func() { d.reaped.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(grace):
		d.mu.Lock()
		for cmd := range d.alive {
			_ = cmd.Process.Kill() // gone already is gone
		}
		d.mu.Unlock()
		<-ended
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.control != "" {
		_ = os.RemoveAll(d.control) // ssh has taken its socket away
	}
}

// terminate asks an ssh to end: it gives the terminal back as it was, which a killed one does not.
func terminate(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGTERM) }

// pair is a connection whose other end is a program's stdin and stdout.
func pair() (ours net.Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	here := os.NewFile(uintptr(fds[0]), "ssh")
	theirs = os.NewFile(uintptr(fds[1]), "ssh")
	ours, err = net.FileConn(here)
	if closed := here.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// The exit codes of ssh(1) and of a shell.
const (
	exitSSH       = 255 // ssh itself failed; its stderr says why
	exitNoProgram = 127
	exitNoRight   = 126 // the program is there and may not be run
)

// refusals are what ssh says when somebody answers, and it is not let in or does not trust him.
var refusals = []string{"Permission denied", "Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED",
	"Too many authentication failures", "No supported authentication methods", "Received disconnect"}

// why says why there is no connection: err is what was greeted with, code and said are how ssh ended.
func (d *sshDialer) why(err error, code int, said string) error {
	if f, ok := errors.AsType[*Failure](err); ok { // hv proxy is there and has told
		hint := f.Problem.Remedy
		if hint != "" {
			hint = "on " + d.to.Host + ": " + hint
		}
		return fault.New(fault.KindOf(f), "cannot speak to the daemon of %s", d.to).Because(f).Try("%s", hint).WithCode(f.Problem.Code)
	}
	by := d.to
	by.Socket = ""
	cause := errors.New(lastLine(said))
	login := "ssh " + strings.TrimPrefix(by.String(), "ssh://") + " true"
	if by.Port != 0 {
		login = "ssh " + by.String() + " true"
	}
	switch code {
	case exitNoProgram, exitNoRight:
		return fault.New(fault.Precondition, "cannot reach the daemon of %s: ssh finds no hv there", d.to).Because(cause).WithCode(wire.CodeNoProxy).
			Try("install the product on %s, with hv in the PATH that ssh has: %s", d.to.Host, strings.TrimSuffix(login, "true")+"which hv")
	case exitSSH:
		for _, r := range refusals {
			if strings.Contains(said, r) {
				return fault.New(fault.Denied, "cannot log in to %s", by).Because(cause).WithCode(wire.CodeNoLogin).Try("make this work first: %s", login)
			}
		}
		return fault.New(fault.Unavailable, "cannot reach %s", by).Because(cause).WithCode(wire.CodeNoHost).Try("is it up, and its name right? %s", login)
	}
	return fault.New(fault.Unreadable, "what answers on %s is no hv of this release", by).Because(cause).WithCode(wire.CodeStrangers).
		Try("look at it: %s", strings.TrimSuffix(login, "true")+"hv version")
}

// tail keeps the end of what a program says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// maxTail is how much of it.
const maxTail = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if more := len(t.text) - maxTail; more > 0 {
		t.text = append(t.text[:0], t.text[more:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// lastLine is the last that a program said.
func lastLine(said string) string {
	lines := bytes.FieldsFunc([]byte(said), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return "it does not say why"
	}
	return strings.TrimSpace(string(lines[len(lines)-1]))
}
