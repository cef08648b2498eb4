package qmp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// inBand is how many in-band commands may wait for their answers at once. QEMU stops reading, for
// out-of-band commands too, when 8 are queued (QMP_REQ_QUEUE_LEN_MAX).
const inBand = 7

// Client is one conversation with one QEMU. It may be used by many goroutines. It has one goroutine
// of its own, the reader, which ends with the conversation.
type Client struct {
	conn     io.ReadWriteCloser
	o        Options
	prefix   string        // of this conversation's ids
	sending  chan struct{} // token: one message is written at a time
	slots    chan struct{} // tokens: in-band commands that wait for an answer
	filing   chan struct{} // token: the one command with files that waits for an answer
	greeting chan Greeting
	done     chan struct{}

	mu      sync.Mutex
	next    uint64
	waiting map[string]*waiter
	subs    map[*Subscription]struct{}
	oob     bool
	stats   Stats
	deaf    bool  // nothing can be written any more; what QEMU said before is still being read
	reason  error // why it ends; set before over
	over    bool
}

// Stats counts what happened in a conversation.
type Stats struct {
	Waiting   int    // commands sent and not answered, given-up ones included
	GivenUp   uint64 // commands whose caller stopped waiting
	Late      uint64 // answers that came after that, and were dropped
	Unmatched uint64 // answers to commands that this client never sent: of the client before it
	Events    uint64
}

// New starts a conversation on conn, which belongs to the client from now on. Closing conn must
// unblock a pending Read. Files can be sent if conn is a FileSender. Nothing is sent before
// Negotiate.
func New(conn io.ReadWriteCloser, o Options) *Client {
	c := &Client{
		conn: conn, o: o.withDefaults(),
		prefix:   prefix(),
		sending:  make(chan struct{}, 1),
		slots:    make(chan struct{}, inBand),
		filing:   make(chan struct{}, 1),
		greeting: make(chan Greeting, 1),
		done:     make(chan struct{}),
		waiting:  make(map[string]*waiter),
		subs:     make(map[*Subscription]struct{}),
	}
	go c.read()
	return c
}

// prefix makes ids of two conversations differ: QEMU may answer the last command of a client that
// died to the client after it.
func prefix() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:]) + "-"
}

// Negotiate waits for the greeting and leaves capability negotiation, with out-of-band commands
// enabled where QEMU offers them. It is called once, before any other command.
func (c *Client) Negotiate(ctx context.Context) (Greeting, error) {
	g, err := c.greeted(ctx)
	if err != nil {
		return g, err
	}
	var enable []string
	if slices.Contains(g.Capabilities, "oob") {
		enable = append(enable, "oob")
	}
	if err := capabilities.run(ctx, c, capabilitiesArgs{Enable: enable}); err != nil {
		return g, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.oob = len(enable) > 0
	return g, nil
}

func (c *Client) greeted(ctx context.Context) (Greeting, error) {
	short, cancel := context.WithTimeoutCause(ctx, c.o.Greeting, errSilent)
	defer cancel()
	select {
	case g := <-c.greeting:
		return g, nil
	case <-c.done:
		return Greeting{}, c.Err()
	case <-short.Done():
	}
	if cause := context.Cause(short); !errors.Is(cause, errSilent) {
		return Greeting{}, fault.New(fault.Unavailable, "%s: no greeting from QEMU", c.o.Name).Because(cause)
	}
	return Greeting{}, fault.New(fault.Unavailable, "%s: the monitor is held by another process, or QEMU hangs: no greeting within %s", c.o.Name, c.o.Greeting).
		Try("end the other client of this monitor; QEMU serves one at a time")
}

var errSilent = errors.New("QEMU is silent")

// Close ends the conversation. Commands that wait get an error of kind Unavailable; QEMU goes on.
func (c *Client) Close() error {
	c.stop(fault.New(fault.Unavailable, "%s: the monitor was closed", c.o.Name))
	<-c.done
	return nil
}

// Done is closed when the conversation has ended, for whatever reason, and its goroutine with it.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the conversation ended, nil while it has not. QEMU's own end has io.EOF inside.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		return nil
	}
	return c.reason
}

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Waiting = len(c.waiting)
	return s
}

// stop makes the reader end; the first reason stands.
func (c *Client) stop(reason error) {
	c.mu.Lock()
	if c.reason == nil {
		c.reason = reason
	}
	c.mu.Unlock()
	_ = c.conn.Close() // twice at worst; the reader reports what counts
}

// read is the reader: it ends when the stream does.
func (c *Client) read() {
	defer close(c.done)
	d := newDecoder(c.conn, c.o.MaxMessage)
	for {
		m, err := d.decode()
		if err == nil {
			err = c.accept(m)
		}
		if err != nil {
			c.finish(err)
			return
		}
	}
}

// accept hands one message to those who wait for it.
func (c *Client) accept(m message) error {
	switch {
	case m.QMP != nil:
		select {
		case c.greeting <- *m.QMP:
			return nil
		default:
			return errors.New("a second greeting")
		}
	case m.Event != "":
		c.publish(m)
		return nil
	case m.ID == nil && m.Error != nil:
		// All our commands have ids: QEMU could not even parse what it read.
		return errors.New("QEMU did not understand us: " + m.Error.Desc)
	}
	c.answer(m)
	return nil
}

func (c *Client) publish(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Events++
	e := Event{Name: m.Event, Time: m.Timestamp.time(), Seq: c.stats.Events, Data: m.Data}
	for s := range c.subs {
		s.push(e)
	}
}

func (c *Client) answer(m message) {
	var id string
	_ = json.Unmarshal(m.ID, &id) // an id that is no string is not ours
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.waiting[id]
	if !ok {
		c.stats.Unmatched++
		return
	}
	delete(c.waiting, id)
	w.release()
	if w.givenUp {
		c.stats.Late++
		return
	}
	if m.Error != nil {
		w.answer <- answer{err: c.refused(w.command, m.Error)}
		return
	}
	w.answer <- answer{value: m.Return}
}

// finish tells everybody that waits that it is over.
func (c *Client) finish(err error) {
	_ = c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == nil {
		c.reason = ended(c.o.Name, err)
	}
	c.over = true
	for id, w := range c.waiting {
		delete(c.waiting, id)
		w.answer <- answer{err: c.unanswered(w.command, c.reason)}
	}
	for s := range c.subs {
		s.finish(c.reason)
	}
	clear(c.subs)
}

func ended(name string, err error) error {
	if errors.Is(err, io.EOF) {
		return fault.New(fault.Unavailable, "%s: QEMU closed the monitor", name).Because(err)
	}
	return fault.New(fault.Unavailable, "%s: the monitor broke", name).Because(err)
}
