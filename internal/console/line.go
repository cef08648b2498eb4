//go:build linux

package console

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Lines are the serial lines of all VMs.
type Lines struct {
	logs   *Logs
	find   func(ctx context.Context, ref model.Ref) (uuid string, err error)
	socket func(uuid, name string) (path string, err error)
	gone   func(uuid string) <-chan struct{}

	mu   sync.Mutex
	open map[string]*line
	wg   sync.WaitGroup
}

// NewLines returns the lines of VMs whose UUIDs find finds, whose sockets socket names and whose
// processes have ended when what gone returns is closed.
func NewLines(logs *Logs, find func(context.Context, model.Ref) (string, error), socket func(uuid, name string) (string, error), gone func(uuid string) <-chan struct{}) *Lines {
	return &Lines{logs: logs, find: find, socket: socket, gone: gone, open: map[string]*line{}}
}

// line is what viewers of one VM's serial line share. One of them types, the holder, until he leaves: two who type into
// one shell see what neither wanted. QEMU takes one client at a time, and writes into
// the log a second time what it could not send to a client at once: so there is a connection only
// while something is typed, and who only looks has none.
type line struct {
	path    string
	viewers map[*viewer]bool
	holder  *viewer       // who types; nil for nobody
	freed   chan struct{} // closed, and made anew, when the holder changes
	typed   chan []byte
	ended   chan struct{} // closed when it is over, for whatever reason
	stop    context.CancelFunc
}

// viewer is one who looks, and may type.
type viewer struct {
	*follower
	lines *Lines
	uuid  string
	line  *line
	who   string
	told  *viewer       // of whom it was told that he holds the line; guarded by lines.mu
	left  chan struct{} // closed by Close
	once  sync.Once
}

// Connect returns a VM's serial console: what was printed last and what follows, and a way to type. It ends with the
// VM's process.
func (l *Lines) Connect(ctx context.Context, ref model.Ref, opt vm.ConsoleOptions) (io.ReadWriteCloser, error) {
	uuid, err := l.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	path, err := l.socket(uuid, "serial0")
	if err != nil {
		return nil, fault.Wrap(err, "vm %q has no console now", ref.Name)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot reach the console of vm %q", ref.Name).Because(err)
	}
	screen, err := l.logs.read(uuid, Serial, vm.LogPart{Lines: -1, Tail: max(opt.Scrollback, 0), Follow: true})
	if err != nil {
		return nil, err
	}
	v := &viewer{follower: screen, lines: l, uuid: uuid, who: opt.Who, left: make(chan struct{})}
	l.join(v, path, opt.Take)
	return v, nil
}

// Read is Logs.Read for a VM by its name.
func (l *Lines) Read(ctx context.Context, ref model.Ref, log string, part vm.LogPart) (io.ReadCloser, error) {
	uuid, err := l.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return l.logs.Read(uuid, log, part)
}

func (l *Lines) join(v *viewer, path string, take bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := l.open[v.uuid]
	if ln == nil {
		ctx, stop := context.WithCancel(context.Background())
		ln = &line{path: path, viewers: map[*viewer]bool{}, freed: make(chan struct{}), typed: make(chan []byte), ended: make(chan struct{}), stop: stop}
		l.open[v.uuid] = ln
		gone := l.gone(v.uuid)
		l.wg.Go(func() { l.serve(ctx, v.uuid, ln, gone) })
	}
	v.line = ln
	ln.viewers[v] = true
	if before := ln.holder; take {
		ln.pass(v)
		if before != nil {
			before.told = v
			before.say("%s has taken the line: what you type goes nowhere now", v.who)
		}
	}
}

// serve passes on what viewers type until the last has left or the process has ended; then viewers
// read the rest of the log and end.
func (l *Lines) serve(ctx context.Context, uuid string, ln *line, gone <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.wg.Go(func() {
		select {
		case <-gone:
			cancel() // also what is being typed
		case <-ctx.Done():
		}
	})
	for open := true; open; {
		select {
		case p := <-ln.typed:
			open = ln.send(ctx, p) == nil
		case <-ctx.Done():
			open = false
		}
	}
	close(ln.ended)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[uuid] == ln {
		delete(l.open, uuid)
	}
	for v := range ln.viewers {
		v.finish()
	}
}

// dialFor is how long QEMU gets to take us as its client.
const dialFor = 5 * time.Second

// send types p, and what comes while it does, on a connection of its own. What QEMU sends meanwhile
// the log has too: it is thrown away, so that the guest never waits for a reader.
func (ln *line) send(ctx context.Context, p []byte) error {
	d := net.Dialer{Timeout: dialFor}
	conn, err := d.DialContext(ctx, "unix", ln.path)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	var drain sync.WaitGroup
	drain.Go(func() { _, _ = io.Copy(io.Discard, conn) }) // it ends when either side closes
	defer drain.Wait()
	defer func() { _ = conn.Close() }()
	for p != nil {
		if _, err := conn.Write(p); err != nil {
			return err
		}
		select {
		case p = <-ln.typed:
		default:
			if p, err = ln.taken(ctx, conn); err != nil {
				return err
			}
		}
	}
	return nil
}

// taken waits until QEMU has read everything, for a guest takes its time, or until more is typed. No
// event tells it: the kernel is asked how much is left (SIOCOUTQ of unix(7)), less often each time.
func (ln *line) taken(ctx context.Context, conn net.Conn) ([]byte, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if left, err := unsent(conn); err != nil || left == 0 {
			return nil, err
		}
		t := time.NewTimer(wait)
		select {
		case p := <-ln.typed:
			t.Stop()
			return p, nil
		case <-ctx.Done():
			t.Stop()
			return nil, context.Cause(ctx)
		case <-t.C:
		}
	}
}

// unsent is how much the other end has not read yet, in the kernel's own measure; 0 is nothing.
func unsent(conn net.Conn) (int, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fault.New(fault.Internal, "a serial line is a %T", conn)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	if bad := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); bad != nil {
		return 0, bad
	}
	return n, err
}

// Write types, where nobody else does. It waits while the guest does not read, until the viewer leaves.
func (v *viewer) Write(p []byte) (int, error) {
	if !v.hold() {
		select {
		case <-v.left:
		case <-v.line.ended:
		default:
			return len(p), nil // he was told where it went
		}
	}
	select {
	case v.line.typed <- bytes.Clone(p):
		return len(p), nil
	case <-v.left:
		return 0, fault.New(fault.Unavailable, "the console was closed")
	case <-v.line.ended:
		return 0, fault.New(fault.Unavailable, "the console has ended: the VM's process is gone")
	}
}

// Close leaves, and gives the line back; the last one closes it.
func (v *viewer) Close() error {
	v.once.Do(func() {
		close(v.left)
		v.lines.mu.Lock()
		delete(v.line.viewers, v)
		if v.line.holder == v {
			v.line.pass(nil)
		}
		for other := range v.line.viewers {
			if other.told == v {
				other.told = nil
				other.say("%s has left: the line is free", v.who)
			}
		}
		if len(v.line.viewers) == 0 {
			v.line.stop()
			if v.lines.open[v.uuid] == v.line {
				delete(v.lines.open, v.uuid)
			}
		}
		v.lines.mu.Unlock()
	})
	return v.follower.Close()
}

// Close closes every line and waits for its end.
func (l *Lines) Close() {
	l.mu.Lock()
	for _, ln := range l.open {
		ln.stop()
	}
	l.mu.Unlock()
	l.wg.Wait()
}
