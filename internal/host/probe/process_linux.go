package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one QEMU that is being asked.
type process struct {
	monitor net.Conn
	words   *tail
	ended   chan struct{} // closed when it has ended
	exit    error         // how, after that
	kill    context.CancelFunc
}

// arguments start QEMU without a machine. The sandbox is that of a VM: a QEMU that cannot have it is of no use.
var arguments = []string{
	"-machine", "none", "-nodefaults", "-no-user-config", "-display", "none", "-S",
	"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
	"-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control",
}

// start starts the program with the other end of our monitor as its descriptor 3. It is killed when ctx ends.
func start(ctx context.Context, path string) (*process, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	p := &process{monitor: ours, words: &tail{}, ended: make(chan struct{}), kill: cancel}
	cmd := exec.CommandContext(ctx, path, arguments...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = p.words
	cmd.WaitDelay = time.Second // for who holds its stderr, should it have left somebody
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go p.run(cmd, started)
	if err := <-started; err != nil {
		cancel()
		_ = ours.Close()
		return nil, err
	}
	return p, nil
}

// run starts and reaps the program on one thread: Pdeathsig is sent when the thread that started it ends.
func (p *process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err == nil {
		p.exit = cmd.Wait()
		close(p.ended)
	}
}

// end ends the program. When there was an error because the program ended by itself, how it ended and what it said
// last is the better reason.
func (p *process) end(ctx context.Context, err error) error {
	_ = p.monitor.Close()
	if err == nil || ctx.Err() != nil {
		p.kill()
		<-p.ended
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(200 * time.Millisecond): // it still lives; else its monitor closes just before it ends
		p.kill()
		<-p.ended
		return err
	}
	reason := "it ended"
	if p.exit != nil {
		reason = p.exit.Error()
	}
	if words := lastLine(p.words.String()); words != "" {
		reason += ": " + words
	}
	return errors.New(reason)
}

// pair makes a connection to ourselves: one end for us, one to be inherited.
func pair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "monitor"), os.NewFile(uintptr(fds[1]), "monitor")
	defer func() { _ = ours.Close() }() // FileConn makes its own copy
	conn, err := net.FileConn(ours)
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

// tail keeps the end of what a program writes, up to 4 KiB.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const maxTail = 4 << 10

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - maxTail; over > 0 {
		t.kept = append([]byte(nil), t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.kept), "?")
}
