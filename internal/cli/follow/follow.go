// Package follow waits for operations and shows how far they are: one line that changes on a terminal, one
// line a step without.
//
// What lives here: waiting and its pictures. What does not: asking for the operation (change).
package follow

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Operation waits for the operation of that ID and returns it as it ended. The error says why it did
// not come to its end, or that the waiting ended first: then the operation goes on.
func Operation(ctx context.Context, s *session.Session, c *client.Client, id string) (operation.Operation, error) {
	p := newPicture(s)
	defer p.clear()
	type end struct {
		op  operation.Operation
		err error
	}
	seen, ended := make(chan operation.Operation), make(chan end, 1)
	quit := make(chan struct{})
	defer close(quit)
	go func() {
		op, err := c.WaitOperation(ctx, id, func(op operation.Operation) {
			select {
			case seen <- op:
			case <-quit:
			}
		})
		ended <- end{op, err}
	}()
	tick := time.NewTicker(120 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case op := <-seen:
			p.see(op)
		case <-tick.C:
			p.draw()
		case e := <-ended:
			if e.err != nil {
				return e.op, broken(e.err, e.op, id)
			}
			return e.op, failure(e.op)
		}
	}
}

// broken is why the waiting ended before the operation did.
func broken(err error, op operation.Operation, id string) error {
	if op.ID != "" {
		id = op.ID
	}
	code := report.CodeOf(err)
	if code != report.Interrupted && code != report.TimeUp {
		return err
	}
	what := "operation " + id
	if op.Action != "" {
		what += " (" + op.Action + " " + op.Target.Name + ")"
	}
	return &report.Ended{Code: code, Err: goesOn(what, id)}
}

func goesOn(what, id string) error {
	return fault.New(fault.Unavailable, "%s goes on", what).Try("hv operation wait %s, or hv operation cancel %s", id, id)
}

// failure is the error that the end of an operation is; nil for one that is done.
func failure(op operation.Operation) error {
	switch op.State {
	case operation.Failed:
		if op.Error == nil {
			return fault.New(fault.Internal, "operation %s failed and does not say why", op.ID)
		}
		return (&fault.Error{Kind: kindOf(op.Error.Kind), Code: op.Error.Code, Hint: op.Error.Hint, What: op.Error.What})
	case operation.Cancelled:
		return fault.New(fault.Conflict, "operation %s was cancelled", op.ID)
	case operation.Superseded:
		return fault.New(fault.Conflict, "a newer wish took the place of operation %s", op.ID).Try("hv operation list")
	case operation.Done, operation.Pending, operation.Running:
	}
	return nil
}

// kindOf is the kind that was written in words.
func kindOf(word string) fault.Kind {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.Error() == word {
			return k
		}
	}
	return fault.Internal
}

// Applied lists the operations that an apply began for its VMs.
func Applied(op operation.Operation) []string {
	return strings.FieldsFunc(op.Params["operations"], func(r rune) bool { return r == ',' || r == ' ' })
}

// WentOn reports whether err says that the waiting ended and the work goes on.
func WentOn(err error) bool {
	e, ok := errors.AsType[*report.Ended](err)
	return ok && (e.Code == report.Interrupted || e.Code == report.TimeUp)
}
