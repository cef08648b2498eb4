package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/view"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// eventStream is the media type of server-sent events (HTML standard, 9.2).
const eventStream = "text/event-stream"

// following is what a stream is asked for.
type following struct {
	Resuming
	types   []string
	subject string
}

type eventsInput struct {
	Resuming
	Types   []string `query:"types" maxItems:"32" doc:"beginnings of event types: vm.,operation.changed"`
	Subject string   `query:"subject" maxLength:"256" doc:"beginning of the subject: vm/default/"`
}

func (s *server) routeEvents() {
	handle(s, action.EventList, func(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		if in.Accept != "" && !accepts(in.Accept, eventStream) && !accepts(in.Accept, "*/*") && !accepts(in.Accept, "text/*") {
			return nil, statused(http.StatusNotAcceptable, fault.New(fault.Invalid, "events come as %s only", eventStream).
				WithCode(wire.CodeNotAccepted).Try("send Accept: %s", eventStream))
		}
		return s.follow(following{Resuming: in.Resuming, types: in.Types, subject: in.Subject}), nil
	}, content(http.StatusOK, "events, until one side ends it", eventStream, schemaOf[wire.Event](s)))
}

// mark is a place in the sequence of events: all of revision, or its changes up to and with n.
type mark struct {
	revision int64
	all      bool
	n        int
}

func (m mark) String() string {
	if m.all {
		return strconv.FormatInt(m.revision, 10)
	}
	return fmt.Sprintf("%d.%d", m.revision, m.n)
}

// parseMark reads the ID of an event, "42.0", or that of all of a revision, "42".
func parseMark(id string) (mark, error) {
	rev, n, some := strings.Cut(id, ".")
	m := mark{all: !some}
	var err error
	if m.revision, err = strconv.ParseInt(rev, 10, 64); err == nil && some {
		m.n, err = strconv.Atoi(n)
	}
	if err != nil || m.revision < 0 || m.n < 0 || m.revision == 1<<63-1 {
		return m, fault.New(fault.Invalid, "%.64q is not the ID of an event", id).WithCode(wire.CodeInvalid).Try("send the id of the last event as it came: 42.0")
	}
	return m, nil
}

// behind is the mark behind which a stream begins.
func (s *server) behind(r Resuming) (mark, error) {
	switch {
	case r.Last != "":
		return parseMark(r.Last)
	case r.From > 0:
		return mark{revision: r.From - 1, all: true}, nil
	}
	return mark{revision: s.View.Revision(), all: true}, nil
}

// from is the first revision of which something is wanted.
func (m mark) from() int64 {
	if m.all {
		return m.revision + 1
	}
	return m.revision
}

// covers reports whether an event does not lie behind the mark.
func (m mark) covers(ev wire.Event) bool {
	id, err := parseMark(ev.ID)
	return err == nil && !m.all && id.revision == m.revision && id.n <= m.n
}

// follow answers with a stream of events.
func (s *server) follow(f following) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		free, err := s.place()
		if err != nil {
			s.fail(w, r, err)
			return
		}
		defer free()
		ctx, done := untilStopped(r.Context(), false)
		defer done()
		m, err := s.behind(f.Resuming)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		events, err := s.View.Events(ctx, max(m.from(), 1), f.types, f.subject)
		if err != nil {
			s.fail(w, r, tooOld(err))
			return
		}
		s.send(ctx, w, events, m)
	}}
}

// tooOld gives a stream that cannot go back that far its own code and status.
func tooOld(err error) error {
	if fault.KindOf(err) != fault.Precondition {
		return err
	}
	return statused(http.StatusGone, fault.New(fault.Precondition, "events cannot be followed from there").Because(err).WithCode(wire.CodeTooOld).
		Try("list again, and follow from the list's revision on"))
}

// place takes one of the places for what lasts.
func (s *server) place() (free func(), err error) {
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places }, nil
	default:
		return nil, statused(http.StatusTooManyRequests, fault.New(fault.Exhausted, "%d streams are open, the most that there may be", cap(s.places)).
			WithCode(wire.CodeTooMany).Try("close some: hv events, hv vm console, hv vm logs --follow"))
	}
}

// send writes events until ctx ends, the reader is gone, or the view cannot go on.
func (s *server) send(ctx context.Context, w http.ResponseWriter, events *view.Stream, m mark) {
	rc := http.NewResponseController(w)
	defer written(rc)
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	text := fmt.Sprintf("id: %s\n\n", m) // who breaks off before the first event knows where to go on
	for {
		writing(rc)
		if _, err := w.Write([]byte(text)); err != nil || rc.Flush() != nil {
			return
		}
		var more bool
		if text, more = s.next(ctx, events, m); !more {
			writing(rc)
			_, _ = w.Write([]byte(text)) // the last words; who does not hear them hears the end
			return
		}
	}
}

// next is the next part of a stream: an event, a sign of life, or why it ends.
func (s *server) next(ctx context.Context, events *view.Stream, m mark) (text string, more bool) {
	for {
		wait, cancel := context.WithTimeout(ctx, s.keepAlive)
		ev, err := events.Next(wait)
		expired := wait.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return "", false
		case err != nil && expired:
			if seen := events.Seen(); seen > m.revision {
				return fmt.Sprintf(":\nid: %d\n\n", seen), true
			}
			return ":\n\n", true
		case err != nil:
			p, _ := json.Marshal(s.problemOf(requestID(ctx), tooOld(err))) // our own words always encode
			return fmt.Sprintf("event: problem\ndata: %s\n\n", p), false
		case m.covers(ev):
			continue
		}
		data, err := json.Marshal(ev)
		if err != nil {
			s.Log.Error("left out of a stream", "event", ev.ID, "err", err)
			continue
		}
		return fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", ev.ID, ev.Type, data), true
	}
}
