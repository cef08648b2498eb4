//go:build linux

package console

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Lines are the serial lines of all VMs.
type Lines struct {
	logs   *Logs
	find   func(ctx context.Context, ref model.Ref) (uuid string, err error)
	socket func(uuid, name string) (path string, err error)

	mu   sync.Mutex
	open map[string]*line
	wg   sync.WaitGroup
}

// NewLines returns the lines of VMs whose UUIDs find finds and whose sockets socket names.
func NewLines(logs *Logs, find func(context.Context, model.Ref) (string, error), socket func(uuid, name string) (string, error)) *Lines {
	return &Lines{logs: logs, find: find, socket: socket, open: map[string]*line{}}
}

// line is one connection to a VM's serial line. QEMU takes one client at a time, so viewers share it.
type line struct {
	conn    net.Conn
	viewers map[*viewer]bool
	typed   chan []byte
	ended   chan struct{} // closed when QEMU's end is
}

// viewer is one who looks, and may type.
type viewer struct {
	*follower
	lines *Lines
	uuid  string
	line  *line
	left  chan struct{} // closed by Close
	once  sync.Once
}

// Connect returns a VM's serial console: its last scrollback bytes and what follows, and a way to
// type. It ends with the VM's process.
func (l *Lines) Connect(ctx context.Context, ref model.Ref, scrollback int) (io.ReadWriteCloser, error) {
	uuid, err := l.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	path, err := l.socket(uuid, "serial0")
	if err != nil {
		return nil, fault.Wrap(err, "vm %q has no console now", ref.Name)
	}
	screen, err := l.logs.follow(uuid, Serial, max(scrollback, 0))
	if err != nil {
		return nil, err
	}
	v := &viewer{follower: screen, lines: l, uuid: uuid, left: make(chan struct{})}
	if err := l.join(ctx, v, path); err != nil {
		_ = v.follower.Close()
		return nil, fault.New(fault.Unavailable, "cannot reach the console of vm %q", ref.Name).Because(err)
	}
	return v, nil
}

// Read is Logs.Read for a VM by its name.
func (l *Lines) Read(ctx context.Context, ref model.Ref, log string, follow bool, tail int) (io.ReadCloser, error) {
	uuid, err := l.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return l.logs.Read(uuid, log, follow, tail)
}

func (l *Lines) join(ctx context.Context, v *viewer, path string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := l.open[v.uuid]
	if ln == nil {
		d := net.Dialer{Timeout: 5 * time.Second}
		conn, err := d.DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		ln = &line{conn: conn, viewers: map[*viewer]bool{}, typed: make(chan []byte), ended: make(chan struct{})}
		l.open[v.uuid] = ln
		l.wg.Go(func() { l.drain(v.uuid, ln) })
		l.wg.Go(ln.send)
	}
	v.line = ln
	ln.viewers[v] = true
	return nil
}

// drain takes what QEMU sends, which the log has too, so that the guest never waits for a reader.
// Its end is the end of the process: viewers read the rest of the log and end.
func (l *Lines) drain(uuid string, ln *line) {
	_, _ = io.Copy(io.Discard, ln.conn) // it ends when either side closes, and that is no error
	close(ln.ended)
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = ln.conn.Close()
	if l.open[uuid] == ln {
		delete(l.open, uuid)
	}
	for v := range ln.viewers {
		v.finish()
	}
}

// send passes on what viewers type. A guest that does not read holds it up, and nothing else.
func (ln *line) send() {
	for {
		select {
		case p := <-ln.typed:
			if _, err := ln.conn.Write(p); err != nil {
				return // it has ended, and drain tells everybody
			}
		case <-ln.ended:
			return
		}
	}
}

// Write types. It waits while the guest does not read, until the viewer leaves.
func (v *viewer) Write(p []byte) (int, error) {
	select {
	case v.line.typed <- bytes.Clone(p):
		return len(p), nil
	case <-v.left:
		return 0, fault.New(fault.Unavailable, "the console was closed")
	case <-v.line.ended:
		return 0, fault.New(fault.Unavailable, "the console has ended: the VM's process is gone")
	}
}

// Close leaves; the last one closes the line.
func (v *viewer) Close() error {
	v.once.Do(func() {
		close(v.left)
		v.lines.mu.Lock()
		delete(v.line.viewers, v)
		if len(v.line.viewers) == 0 {
			_ = v.line.conn.Close() // drain notes the rest
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
		_ = ln.conn.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}
