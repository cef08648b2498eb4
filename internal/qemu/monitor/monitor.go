// Package monitor holds the one conversation a daemon has with a running VM's QEMU.
//
// What lives here: dialling the monitor's unix socket, which nobody else may do (QEMU serves one
// client at a time; a second one connects and hears nothing), finding out whose QEMU answers, and
// sending file descriptors. What does not: the protocol (package qmp), and what is said (reconcile,
// through the small interfaces that it declares).
package monitor

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// Options of a monitor.
type Options struct {
	// VM is the VM's name, for errors.
	VM string

	// UUID, where given, is the UUID this QEMU must have (-uuid). Anybody who adopts a VM asks, since
	// a path may have been taken over by another.
	UUID string

	// Greeting is how long QEMU may take to speak; default 2 s, right for a VM that runs. For a QEMU
	// just started, whose socket was there before it, give 30 s: fifty that start together take six
	// seconds on two cores.
	Greeting time.Duration

	// Events keeps every event since Open for Next.
	Events bool
}

func (o Options) name() string { return `vm "` + o.VM + `"` }

// Monitor is a conversation with one QEMU. It implements qmp.Executor.
type Monitor struct {
	client   *qmp.Client
	o        Options
	events   *qmp.Subscription // nil unless asked for
	greeting qmp.Greeting
}

// Dial connects to the monitor at path and is done when QEMU takes commands. The error is of kind
// NotFound if there is no socket, Unavailable if nobody listens (QEMU is gone) or nobody speaks
// (another process holds the monitor), Conflict if it is another VM's.
func Dial(ctx context.Context, path string, o Options) (*Monitor, error) {
	m, err := Open(ctx, path, o)
	if err != nil {
		return nil, err
	}
	if err := m.Negotiate(ctx); err != nil {
		_ = m.Close() // its error is always nil
		return nil, err
	}
	return m, nil
}

// Open is the first half of Dial: it connects, and says nothing. A subscription made between Open
// and Negotiate misses no event.
func Open(ctx context.Context, path string, o Options) (*Monitor, error) {
	var d net.Dialer
	c, err := d.DialUnix(ctx, "unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, unreachable(err, o)
	}
	return Over(c, o), nil
}

// Over is Open on a connection that is there already, such as one end of a socket pair.
func Over(c *net.UnixConn, o Options) *Monitor {
	m := &Monitor{o: o, client: qmp.New(&stream{UnixConn: c}, qmp.Options{Name: o.name(), Greeting: o.Greeting})}
	if o.Events {
		m.events = m.client.Subscribe()
	}
	return m
}

// Negotiate is the second half of Dial: greeting, capabilities, UUID. After an error the monitor is
// of no use and is to be closed.
func (m *Monitor) Negotiate(ctx context.Context) error {
	g, err := m.client.Negotiate(ctx)
	if err != nil {
		return err
	}
	m.greeting = g
	if m.o.UUID == "" {
		return nil
	}
	uuid, err := qmp.QueryUUID(ctx, m)
	if err != nil {
		return err
	}
	if !strings.EqualFold(uuid, m.o.UUID) {
		return fault.New(fault.Conflict, "%s: the QEMU that answers has UUID %.40q, not %s: it is another VM's", m.o.name(), uuid, m.o.UUID)
	}
	return nil
}

// Execute implements qmp.Executor.
func (m *Monitor) Execute(ctx context.Context, cmd qmp.Command) (json.RawMessage, error) {
	return m.client.Execute(ctx, cmd)
}

// Subscribe returns QEMU's events from now on, or those of the given names.
func (m *Monitor) Subscribe(names ...string) *qmp.Subscription { return m.client.Subscribe(names...) }

// Next returns the next of the events that Options.Events keeps; see qmp.Subscription.Next for its
// errors. It is for one goroutine.
func (m *Monitor) Next(ctx context.Context) (qmp.Event, error) {
	if m.events == nil {
		return qmp.Event{}, fault.New(fault.Internal, "%s: its monitor was opened without Options.Events", m.o.name())
	}
	return m.events.Next(ctx)
}

// Version is the QEMU that greeted us; zero before Negotiate.
func (m *Monitor) Version() qmp.Version { return m.greeting.Version }

// Stats counts what happened in the conversation.
func (m *Monitor) Stats() qmp.Stats { return m.client.Stats() }

// Done is closed when the conversation has ended: QEMU went, or Close was called. That QEMU closed
// its monitor does not prove that its process is gone: ask its pidfd.
func (m *Monitor) Done() <-chan struct{} { return m.client.Done() }

// Err says why the conversation ended, nil while it goes on. io.EOF is inside if QEMU ended it.
func (m *Monitor) Err() error { return m.client.Err() }

// Close ends the conversation; the VM runs on and the next client is served.
func (m *Monitor) Close() error { return m.client.Close() }
