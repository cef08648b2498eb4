package rest

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// InProject is the project of a path. It and what stands below is exported for huma, which finds
// parameters by reflection.
type InProject struct {
	Project string `path:"project" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" patternDescription:"a DNS label" doc:"project, usually default"`
}

// Named is a path to one object.
type Named struct {
	InProject
	Name string `path:"name" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" patternDescription:"a DNS label"`
}

func (n Named) ref() model.Ref { return model.Ref{Project: n.Project, Name: n.Name} }

// Once is what a change can be sent with that is made at most once.
type Once struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"128" doc:"a repeated request with the same key answers what the first one did"`
}

func (o Once) call(ctx context.Context) action.Call {
	call := callOf(ctx)
	call.IdempotencyKey = o.IdempotencyKey
	return call
}

// Making is what a change can be sent with that makes something.
type Making struct {
	Once
	DryRun bool `query:"dryRun" doc:"answer what would be done and what speaks against it, and do nothing"`
}

func (m Making) call(ctx context.Context) action.Call {
	call := m.Once.call(ctx)
	call.DryRun = m.DryRun
	return call
}

// Changing is what a change can be sent with that alters what exists.
type Changing struct {
	Making
	IfMatch string `header:"If-Match" maxLength:"64" doc:"the ETag that the object must still have"`
}

func (c Changing) call(ctx context.Context) (action.Call, error) {
	call := c.Making.call(ctx)
	if c.IfMatch == "" || c.IfMatch == "*" {
		return call, nil
	}
	text, quoted := strings.CutPrefix(c.IfMatch, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	rev, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !quoted || !closed || rev <= 0 {
		return call, fault.New(fault.Invalid, "If-Match is %.64q, which no ETag of ours is", c.IfMatch).WithCode(wire.CodeInvalid).
			Try(`send the ETag as it came, with its quotes: "42"`)
	}
	call.IfMatch = rev
	return call, nil
}

func etag(revision int64) string { return strconv.Quote(strconv.FormatInt(revision, 10)) }

// answer is that to a change: 202 with its operation, or 200 with what would be done.
type answer struct {
	Status   int
	Location string `header:"Location"`
	Body     any
}

// changed answers a change when the view shows it. The wish is durable by then: a view that is late
// takes nothing back.
func (s *server) changed(ctx context.Context, res action.Result, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	if res.Preview != nil {
		return &answer{Status: http.StatusOK, Body: res.Preview}, nil
	}
	wait, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	if err := s.View.Await(wait, res.Revision); err != nil {
		s.Log.Warn("a change was answered before it is shown", "request", requestID(ctx), "err", err)
	}
	op := *res.Operation
	if !op.State.Ended() {
		if now, err := s.View.Operation(ctx, op.ID); err == nil {
			op.Status = now.Status
		}
	}
	return &answer{Status: http.StatusAccepted, Location: "/v1/operations/" + op.ID, Body: op}, nil
}

// answers describes what a change answers.
func (s *server) answers(row action.Row) func(*huma.Operation) {
	accepted := content(http.StatusAccepted, "the wish is durable; this is its operation", "application/json", schemaOf[operation.Operation](s))
	preview := content(http.StatusOK, "with dryRun: what would be done", "application/json", schemaOf[wire.Preview](s))
	return func(op *huma.Operation) {
		op.DefaultStatus = http.StatusAccepted
		accepted(op)
		if row.DryRun() {
			preview(op)
		}
	}
}

// change makes the route of a row that changes something.
func change[I any](s *server, row action.Row, do func(context.Context, *I) (action.Result, error), more ...func(*huma.Operation)) {
	handle(s, row, func(ctx context.Context, in *I) (*answer, error) {
		res, err := do(ctx, in)
		return s.changed(ctx, res, err)
	}, append(more, s.answers(row))...)
}
