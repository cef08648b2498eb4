package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/view"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Listing is how a list is asked for.
type Listing struct {
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"items in a page"`
	Cursor   string `query:"cursor" maxLength:"256" doc:"next of the page before"`
	Selector string `query:"selector" maxLength:"1024" doc:"labels: tier=web,env!=test,beta"`
	Filter   string `query:"filter" maxLength:"256" doc:"text that the name contains"`
	Resuming
}

// Resuming is how changes are followed instead.
type Resuming struct {
	Accept string `header:"Accept" hidden:"true"`
	From   int64  `query:"from" minimum:"0" doc:"with Accept: text/event-stream, the revision to begin at, that one included"`
	Last   string `header:"Last-Event-ID" maxLength:"64" doc:"with Accept: text/event-stream, the ID of the last event that was seen"`
}

func (l Listing) options() view.ListOptions {
	return view.ListOptions{Limit: l.Limit, Cursor: l.Cursor, Selector: l.Selector, Filter: l.Filter}
}

// page describes wire.Page with the items that it has.
type page[T any] struct {
	Items    []T    `json:"items" nullable:"false"`
	Next     string `json:"next,omitempty"`
	Revision int64  `json:"revision"`
	Total    int    `json:"total"`
}

// list makes the route of a list, or of what changes in it: subject is the beginning of the subjects
// of its events.
func list[I, T any](s *server, row action.Row, subject func(*I) string, of func(*I) Listing, get func(context.Context, *I) (wire.Page, error)) {
	handle(s, row, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		l := of(in)
		if !accepts(l.Accept, eventStream) {
			p, err := get(ctx, in)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) { s.writePage(hc, p) }}, nil
		}
		if l.Selector != "" || l.Filter != "" || l.Cursor != "" {
			return nil, fault.New(fault.Invalid, "a stream of changes has no selector, filter or cursor").WithCode(wire.CodeInvalid).
				Try("leave them out, and choose among the events")
		}
		return s.follow(following{Resuming: l.Resuming, subject: subject(in)}), nil
	},
		content(http.StatusOK, "a page, or its changes", "application/json", schemaOf[page[T]](s)),
		content(http.StatusOK, "", eventStream, schemaOf[wire.Event](s)))
}

// writePage writes a page around its items, which are JSON already: package json would read each of
// them again.
func (s *server) writePage(hc huma.Context, p wire.Page) {
	rest, err := json.Marshal(struct {
		Next     string `json:"next,omitempty"`
		Revision int64  `json:"revision"`
		Total    int    `json:"total"`
	}{p.Next, p.Revision, p.Total})
	if err != nil {
		s.Log.Error("a page cannot be written", "request", requestID(hc.Context()), "err", err)
		return
	}
	size := len(rest) + 16
	for _, item := range p.Items {
		size += len(item) + 1
	}
	out := append(make([]byte, 0, size), `{"items":[`...)
	for i, item := range p.Items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	out = append(append(append(out, `],`...), rest[1:]...), '\n')
	hc.SetHeader("Content-Type", "application/json")
	hc.SetStatus(http.StatusOK)
	if _, err := hc.BodyWriter().Write(out); err != nil {
		s.Log.Debug("an answer was not read", "request", requestID(hc.Context()), "err", err)
	}
}

// accepts reports whether an Accept header names a media type.
func accepts(header, mediaType string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, _, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), mediaType) {
			return true
		}
	}
	return false
}
