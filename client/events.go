package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// EventOptions say what is to be followed.
type EventOptions struct {
	// From is the revision to begin at, that one included (a list's Revision + 1); 0 for from now on.
	From int64
	// LastID is the ID of the last event that was seen: begin behind it. It comes before From.
	LastID string
	// Types are beginnings of event types: "vm.", "operation.changed"; empty for all.
	Types []string
	// Subject is the beginning of a subject: "vm/default/"; empty for all.
	Subject string
}

// Events follows what happens, in order, until ctx ends, and comes back by itself after a break: no
// event is missed and none comes twice. An error is the last thing it yields: the context's cause,
// fault.Precondition with wire.CodeTooOld when it was away for so long that it cannot go on where it
// was (list anew, then follow from there), or why the daemon cannot be reached.
func (c *Client) Events(ctx context.Context, opt EventOptions) iter.Seq2[wire.Event, error] {
	return c.follow(ctx, opt, nil)
}

// follow is Events; opened is called whenever the stream has begun, and may say that it is enough.
func (c *Client) follow(ctx context.Context, opt EventOptions, opened func(context.Context) (bool, error)) iter.Seq2[wire.Event, error] {
	return func(yield func(wire.Event, error) bool) {
		f := &follower{client: c, opt: opt, opened: opened, yield: yield}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for !f.over {
			err := f.once(ctx)
			if f.over {
				return
			}
			if err = f.rest(ctx, err); err != nil {
				yield(wire.Event{}, err)
				return
			}
		}
	}
}

// follower is one following over as many connections as it takes.
type follower struct {
	client *Client
	opt    EventOptions
	opened func(context.Context) (bool, error)
	yield  func(wire.Event, error) bool
	over   bool // nobody wants more

	begun  bool      // a stream was open at least once
	broken time.Time // since when none got on; zero while one does
	tries  int
}

// got notes that the stream gets on. One that opens and breaks again and again does not.
func (f *follower) got() { f.broken, f.tries = time.Time{}, 0 }

// rest says whether an error is the end, and otherwise waits a little before the next try.
func (f *follower) rest(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && (!f.begun || !fault.Retryable(err)) {
		return err
	}
	if f.broken.IsZero() {
		f.broken = time.Now()
	}
	if err != nil && time.Since(f.broken) > f.client.options.Patience {
		return err
	}
	wait := min(50*time.Millisecond<<f.tries, 2*time.Second)
	f.tries = min(f.tries+1, 6)
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lasted counts a stream as one that got on when it was open for long, however quiet it was.
func (f *follower) lasted(opened time.Time) {
	if time.Since(opened) > f.client.options.Patience {
		f.got()
	}
}

// once follows until the stream breaks.
func (f *follower) once(ctx context.Context) error {
	r := newRequest(http.MethodGet, "v1", "events")
	r.header.Set("Accept", "text/event-stream")
	r.query.text("types", strings.Join(f.opt.Types, ","))
	r.query.text("subject", f.opt.Subject)
	if f.opt.LastID != "" && f.opened == nil { // who asks anew after each break needs nothing from before it
		r.header.Set("Last-Event-ID", f.opt.LastID)
	} else {
		r.query.number("from", f.opt.From)
	}
	resp, err := f.client.send(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	f.begun = true
	defer f.lasted(time.Now())
	if f.opened != nil {
		if f.over, err = f.opened(ctx); f.over || err != nil {
			return err
		}
	}
	frames := newFrames(resp.Body)
	for {
		frame, err := frames.next()
		if err != nil {
			return f.client.broken(ctx, err)
		}
		if frame.id != "" && frame.id != f.opt.LastID {
			f.opt.LastID = frame.id
			f.got()
		}
		if frame.event == problemEvent {
			return frame.problem()
		}
		var ev wire.Event
		if len(frame.data) == 0 {
			continue
		}
		if err := json.Unmarshal(frame.data, &ev); err != nil {
			return fault.New(fault.Unreadable, "an event is not in the words of this API").Because(err).WithCode(wire.CodeStrangers)
		}
		if !f.yield(ev, nil) {
			f.over = true
			return nil
		}
	}
}

// problemEvent is the type of the frame with which a stream says why it ends.
const problemEvent = "problem"

func (fr frame) problem() error {
	var p wire.Problem
	if err := json.Unmarshal(fr.data, &p); err != nil {
		return errors.Join(fault.Unavailable, err)
	}
	return told(p.Status, p)
}
