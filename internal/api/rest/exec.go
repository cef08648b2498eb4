package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

type execInput struct {
	Named
	Accept string `header:"Accept" hidden:"true"`
	Body   vm.ExecRequest
}

// routeExec: a program in a guest is answered with what has become of it, or with what it writes while it runs.
func (s *server) routeExec() {
	handle(s, action.VMExec, func(ctx context.Context, in *execInput) (*huma.StreamResponse, error) {
		if accepts(in.Accept, eventStream) {
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				r, w := humago.Unwrap(hc)
				s.execParts(w, r, in)
			}}, nil
		}
		var out vm.ExecResult
		err := s.asked(ctx, s.mayExec(in), func(ctx context.Context) (err error) {
			out, err = s.Guests.Exec(ctx, in.ref(), in.Body)
			return err
		})
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/json")
			hc.SetStatus(http.StatusOK)
			if err := json.NewEncoder(hc.BodyWriter()).Encode(out); err != nil {
				s.Log.Debug("an answer was not read", "request", requestID(hc.Context()), "err", err)
			}
		}}, nil
	},
		content(http.StatusOK, "how the program ended, and what it wrote; or, with Accept: text/event-stream, what it writes while it runs", "application/json", schemaOf[vm.ExecResult](s)),
		content(http.StatusOK, "", eventStream, schemaOf[vm.ExecPart](s)))
}

func (s *server) mayExec(in *execInput) func(context.Context) error {
	return func(ctx context.Context) error {
		program := ""
		if len(in.Body.Command) > 0 {
			program = in.Body.Command[0]
		}
		return s.Actions.OpenExec(ctx, callOf(ctx), in.ref(), program)
	}
}

// execParts sends what a program writes, part by part. A reader may take his time: the program waits for him. One who goes
// takes it with him.
func (s *server) execParts(w http.ResponseWriter, r *http.Request, in *execInput) {
	rc := http.NewResponseController(w)
	begun := false
	send := func(event string, data any) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", eventStream)
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusOK)
		}
		text, err := json.Marshal(data)
		if err == nil {
			_, err = fmt.Fprintf(w, "%sdata: %s\n\n", event, text)
		}
		if err == nil {
			err = rc.Flush()
		}
		return err
	}
	err := s.asked(r.Context(), s.mayExec(in), func(ctx context.Context) error {
		out, err := s.Guests.Stream(ctx, in.ref(), in.Body, func(p vm.ExecPart) error { return send("", p) })
		if err == nil {
			_ = send("", vm.ExecPart{Ended: &out}) // who does not hear it has gone
		}
		return err
	})
	switch {
	case err == nil:
	case begun:
		_ = send("event: problem\n", s.problemOf(requestID(r.Context()), err)) // the same
	default:
		s.fail(w, r, err)
	}
}
