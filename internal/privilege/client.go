//go:build linux

package privilege

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

const (
	maxIdle     = 8               // connections kept for the next call
	dialTimeout = 5 * time.Second // for a place in hv-helper's queue
)

// Client speaks to one hv-helper. Its methods may be called at the same time: each call has a
// connection of its own while it runs. hv-helper may go and come back between calls; while it is away
// they fail with fault.Unavailable.
type Client struct {
	path string

	mu     sync.Mutex
	idle   []*packet.Conn
	closed bool
}

// Dial returns a client for the helper's socket at path. The first call connects.
func Dial(path string) *Client { return &Client{path: path} }

// Close closes what is idle; calls that run end by themselves.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.idle {
		_ = conn.Close() // nothing was in flight
	}
	c.idle = nil
}

// call sends one request and decodes its answer into reply, which may be nil. It returns wantFiles
// descriptors or an error, never both.
func (c *Client) call(ctx context.Context, verb Verb, body any, files []*os.File, reply any, wantFiles int) ([]*os.File, error) {
	data, err := json.Marshal(Request{Verb: verb, Body: body})
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot encode a request to hv-helper").Because(err)
	}
	if len(data) > MaxMessage || len(files) > MaxFiles {
		return nil, fault.New(fault.Invalid, "%s: the request has %d bytes and %d files; hv-helper takes %d and %d",
			verb, len(data), len(files), MaxMessage, MaxFiles)
	}
	conn, err := c.take()
	if err != nil {
		return nil, err
	}
	answer, got, err := exchange(ctx, conn, data, files)
	if err != nil {
		_ = conn.Close() // an answer that comes later must not meet the next request
		return nil, unanswered(ctx, verb, err)
	}
	c.give(conn)
	if err := decodeAnswer(answer, reply, len(got), wantFiles); err != nil {
		packet.CloseAll(got)
		return nil, err
	}
	return got, nil
}

// exchange does one request on one connection, and gives up when ctx ends.
func exchange(ctx context.Context, conn *packet.Conn, data []byte, files []*os.File) ([]byte, []*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := conn.Send(data, files)
	var n int
	var got []*os.File
	buf := make([]byte, MaxMessage)
	if err == nil {
		n, got, err = conn.Recv(buf, MaxFiles)
	}
	if !stop() && err == nil { // answered and cancelled at once: the deadline may still come
		packet.CloseAll(got)
		err = ctx.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	return buf[:n], got, nil
}

func unanswered(ctx context.Context, verb Verb, err error) error {
	if ctx.Err() != nil {
		return fault.New(fault.Unavailable, "%s: gave up waiting for hv-helper", verb).Because(context.Cause(ctx))
	}
	return fault.New(fault.Unavailable, "%s: hv-helper went away before it answered", verb).Because(err).
		Try("it may have been done: look before trying again")
}

func decodeAnswer(answer []byte, reply any, files, want int) error {
	var a Answer
	if err := strict(answer, &a); err != nil {
		return fault.New(fault.Internal, "cannot read hv-helper's answer").Because(err).
			Try("hvd and hv-helper must be of one build")
	}
	if a.Failure != nil {
		return a.Failure.Err()
	}
	if files != want {
		return fault.New(fault.Internal, "hv-helper sent %d file descriptors where %d belong", files, want)
	}
	if reply == nil {
		return nil
	}
	// Fields may be added to an answer; an older hvd lives with that.
	if err := json.Unmarshal(a.Body, reply); err != nil {
		return fault.New(fault.Internal, "cannot read hv-helper's answer").Because(err)
	}
	return nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("text after the end")
	}
	return nil
}

// take returns a connection that nobody else uses.
func (c *Client) take() (*packet.Conn, error) {
	c.mu.Lock()
	for len(c.idle) > 0 && !c.closed {
		conn := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if conn.Quiet() {
			c.mu.Unlock()
			return conn, nil
		}
		_ = conn.Close() // its helper has ended
	}
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return nil, fault.New(fault.Unavailable, "the connection to hv-helper is closed")
	}
	conn, err := packet.Dial(c.path, dialTimeout)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot reach hv-helper").Because(err).
			Try("start hv-helper; VMs that run are not affected")
	}
	return conn, nil
}

func (c *Client) give(conn *packet.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= maxIdle {
		_ = conn.Close() // nothing is in flight
		return
	}
	c.idle = append(c.idle, conn)
}
