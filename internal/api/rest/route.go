package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// handle makes the one route of an action. Nothing else does: what has no row has no route.
func handle[I, O any](s *server, row action.Row, do func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) {
	op := huma.Operation{
		OperationID: operationID(row.Name()), Method: row.Method(), Path: row.Path(),
		Summary: row.What(), Description: described(row), Tags: []string{strings.SplitN(row.Name(), ".", 2)[0]},
		MaxBodyBytes: maxBody + 1, BodyReadTimeout: 30 * time.Second,
		Responses: map[string]*huma.Response{"default": {
			Description: "a problem (RFC 9457)",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schemaOf[wire.Problem](s)}},
		}},
	}
	if row.Wish() == action.Read {
		op.Middlewares = huma.Middlewares{s.gate(row)}
	}
	for _, m := range more {
		m(&op)
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, s.humaError(ctx, err)
		}
		return out, nil
	})
	s.rows = append(s.rows, row)
}

// gate asks whether the caller may read. Changes are asked by their actions.
func (s *server) gate(row action.Row) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if err := s.Actions.Authorize(ctx.Context(), callOf(ctx.Context()), row); err != nil {
			r, w := humago.Unwrap(ctx)
			s.fail(w, r, err)
			return
		}
		next(ctx)
	}
}

func (s *server) humaError(ctx context.Context, err error) error {
	p := s.problemOf(requestID(ctx), err)
	h := http.Header{}
	retryAfter(h, p.Status)
	if sp, ok := errors.AsType[special](err); ok && sp.protocol != "" {
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", sp.protocol)
	}
	return huma.ErrorWithHeaders(p, h)
}

// operationID is a row's name as programs like it: vm.start → vmStart.
func operationID(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' })
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

func described(row action.Row) string {
	who := "Members of the group hypervisor may."
	if row.Access() == action.Root {
		who = "Only root may."
	}
	return who
}

// content is what a status answers, for the API's description.
func content(status int, what, mediaType string, schema *huma.Schema) func(*huma.Operation) {
	return func(op *huma.Operation) {
		key := strconv.Itoa(status)
		if op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: what, Content: map[string]*huma.MediaType{}}
		}
		op.Responses[key].Content[mediaType] = &huma.MediaType{Schema: schema}
	}
}
