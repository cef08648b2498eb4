package qmp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// waiter is a command that was sent. Its fields are guarded by the client's mutex.
type waiter struct {
	command string
	answer  chan answer // holds one
	givenUp bool
	release func() // gives back the tokens the command holds until QEMU answered
}

type answer struct {
	value json.RawMessage
	err   error
}

// Execute implements Executor.
func (c *Client) Execute(ctx context.Context, cmd Command) (json.RawMessage, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.o.Command)
		defer cancel()
	}
	w, err := c.send(ctx, cmd)
	if err != nil {
		return nil, err
	}
	select {
	case a := <-w.answer:
		return a.value, a.err
	case <-ctx.Done():
		return c.giveUp(ctx, w)
	}
}

// giveUp stops waiting, unless the answer came this very moment.
func (c *Client) giveUp(ctx context.Context, w *waiter) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case a := <-w.answer:
		return a.value, a.err
	default:
	}
	w.givenUp = true
	c.stats.GivenUp++
	return nil, c.unanswered(w.command, context.Cause(ctx))
}

func (c *Client) send(ctx context.Context, cmd Command) (*waiter, error) {
	sender, err := c.check(cmd)
	if err != nil {
		return nil, err
	}
	release, err := c.admit(ctx, cmd)
	if err != nil {
		return nil, err
	}
	id, w, err := c.register(cmd, release)
	if err != nil {
		release()
		return nil, err
	}
	line, err := encode(cmd, id)
	if err == nil && len(line) > c.o.MaxMessage {
		err = fault.New(fault.Invalid, "the command has %d bytes, more than %d", len(line), c.o.MaxMessage)
	}
	if err == nil {
		err = c.write(ctx, line, sender, cmd.Files)
	}
	if err != nil {
		c.forget(id)
		return nil, fault.Wrap(err, "%s: cannot send %s", c.o.Name, cmd.Name)
	}
	return w, nil
}

// check refuses what this conversation cannot carry.
func (c *Client) check(cmd Command) (FileSender, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd.OOB && !c.oob {
		return nil, fault.New(fault.Precondition, "%s: this monitor takes no out-of-band commands, so %s cannot overtake others", c.o.Name, cmd.Name)
	}
	sender, ok := c.conn.(FileSender)
	if len(cmd.Files) > 0 && !ok {
		return nil, fault.New(fault.Precondition, "%s: no file can be sent with %s over this kind of stream", c.o.Name, cmd.Name)
	}
	return sender, nil
}

// admit waits for the tokens of cmd. Commands with files go one at a time: QEMU keeps the
// descriptors of one message only, and would hand those of a second to the first.
func (c *Client) admit(ctx context.Context, cmd Command) (release func(), err error) {
	var held []chan struct{}
	release = func() {
		for _, t := range held {
			<-t
		}
	}
	var want []chan struct{}
	if len(cmd.Files) > 0 {
		want = append(want, c.filing)
	}
	if !cmd.OOB {
		want = append(want, c.slots)
	}
	for _, t := range want {
		if err := c.acquire(ctx, t); err != nil {
			release()
			return nil, fault.Wrap(err, "%s: cannot send %s while QEMU owes answers", c.o.Name, cmd.Name)
		}
		held = append(held, t)
	}
	return release, nil
}

func (c *Client) acquire(ctx context.Context, token chan struct{}) error {
	select {
	case token <- struct{}{}:
		return nil
	case <-c.done:
		return c.Err()
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "").Because(context.Cause(ctx))
	}
}

func (c *Client) register(cmd Command, release func()) (string, *waiter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != nil || c.deaf {
		return "", nil, fault.New(fault.Unavailable, "%s: cannot send %s", c.o.Name, cmd.Name).
			Because(cmp.Or(c.reason, errDeaf))
	}
	c.next++
	id := c.prefix + strconv.FormatUint(c.next, 10)
	w := &waiter{command: cmd.Name, answer: make(chan answer, 1), release: release}
	c.waiting[id] = w
	return id, w, nil
}

// forget takes back a command that was not sent. The end of the conversation may have been quicker.
func (c *Client) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.waiting[id]; ok {
		delete(c.waiting, id)
		w.release()
	}
}

// write sends one message whole. A message that got stuck half way cannot be taken back: the
// conversation is given up. One that met a closed stream leaves the reader to drain what QEMU said
// before it went.
func (c *Client) write(ctx context.Context, line []byte, sender FileSender, files []*os.File) error {
	if err := c.acquire(ctx, c.sending); err != nil {
		return err
	}
	defer func() { <-c.sending }()
	stuck := time.AfterFunc(c.o.Write, func() {
		c.stop(fault.New(fault.Unavailable, "%s: QEMU has not read its monitor for %s", c.o.Name, c.o.Write))
	})
	defer stuck.Stop()
	if len(files) > 0 {
		if n, err := sender.SendFiles(line, files); n == 0 && err != nil {
			return err
		} else if err != nil {
			return c.deafen(err)
		}
		return nil
	}
	if _, err := c.conn.Write(line); err != nil {
		return c.deafen(err)
	}
	return nil
}

var errDeaf = errors.New("QEMU reads no more")

// deafen gives the reader a while to drain the stream, then ends the conversation.
func (c *Client) deafen(err error) error {
	c.mu.Lock()
	c.deaf = true
	c.mu.Unlock()
	time.AfterFunc(c.o.Write, func() { c.stop(ended(c.o.Name, err)) })
	return fault.New(fault.Unavailable, "").Because(err)
}

func encode(cmd Command, id string) ([]byte, error) {
	request := struct {
		Execute string `json:"execute,omitempty"`
		OOB     string `json:"exec-oob,omitempty"`
		Args    any    `json:"arguments,omitempty"`
		ID      string `json:"id"`
	}{Execute: cmd.Name, Args: cmd.Args, ID: id}
	if cmd.OOB {
		request.Execute, request.OOB = "", cmd.Name
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, fault.New(fault.Internal, "its arguments are not JSON").Because(err)
	}
	return append(line, '\n'), nil
}
