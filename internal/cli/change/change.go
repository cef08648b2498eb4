// Package change asks the daemon for changes, of one thing or of many, shows the plan instead where that is
// wanted, waits for the operations, and tells what became of each.
//
// What lives here: what all mutations have in common. What does not: which there are (the nouns' packages).
package change

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Change is one change of one thing.
type Change struct {
	Noun, Name string // "vm", "web"
	Verb, Past string // "start", "started"
	Do         func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error)
}

// Each is the same change of every name.
func Each(noun, verb, past string, names []string, do func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error)) []Change {
	var all []Change
	for _, name := range names {
		all = append(all, Change{Noun: noun, Name: name, Verb: verb, Past: past,
			Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return do(ctx, c, name, how)
			}})
	}
	return all
}

// May returns why a change would be refused as things are, in the words in which it would be told; nil for one that is
// not. It is for who is to be asked something first: to answer would be in vain.
func (c Change) May(ctx context.Context, to *client.Client) error {
	_, err := c.Do(ctx, to, client.Change{DryRun: true})
	if slices.Contains([]fault.Kind{fault.Denied, fault.Precondition, fault.Conflict, fault.NotFound}, fault.KindOf(err)) {
		return c.named(err)
	}
	return nil // what else there is shows where it is asked for
}

// outcome is what became of one change so far.
type outcome struct {
	Change
	op  *operation.Operation
	err error
}

// Run asks for all changes, waits for all of them, and tells what became of each. One that fails does
// not keep the others from being tried; the error then has the worst code and nothing left to tell.
func Run(ctx context.Context, s *session.Session, all ...Change) error {
	if len(all) == 0 {
		s.Notice("nothing to do")
		return nil
	}
	c, err := s.Client()
	if err != nil {
		return err
	}
	if s.DryRun {
		return preview(ctx, s, c, all)
	}
	results := askAll(ctx, c, all)
	if !s.NoWait {
		for i := range results {
			results[i].wait(ctx, s, c)
		}
	}
	return tell(s, results)
}

// atOnce is how many changes are asked for at once: as many as the daemon commits together.
const atOnce = 8

// askAll asks for all changes, some at once, and returns their outcomes in the order of all.
func askAll(ctx context.Context, c *client.Client, all []Change) []outcome {
	results := make([]outcome, len(all))
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, one := range all {
		slots <- struct{}{}
		wg.Go(func() {
			results[i] = ask(ctx, c, one)
			<-slots
		})
	}
	wg.Wait()
	return results
}

func ask(ctx context.Context, c *client.Client, one Change) outcome {
	result, err := one.Do(ctx, c, client.Change{})
	if err == nil && result.Operation == nil {
		err = fault.New(fault.Internal, "the daemon answered no operation")
	}
	return outcome{one, result.Operation, one.named(err)}
}

// named puts what was asked for before the error, unless it says so itself.
func (c Change) named(err error) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf("cannot %s %s %q", c.Verb, c.Noun, c.Name)
	if code := report.CodeOf(err); strings.HasPrefix(err.Error(), what) || code == report.NoDaemon || code == report.Interrupted || code == report.TimeUp {
		return err
	}
	return fault.Wrap(err, "%s", what)
}

func (o *outcome) wait(ctx context.Context, s *session.Session, c *client.Client) {
	if o.err != nil {
		return
	}
	op, err := follow.Operation(ctx, s, c, o.op.ID)
	if op.ID != "" {
		o.op = &op
	}
	o.err = o.named(err)
}

// tell prints what became of each change: results where results go, errors where errors go.
func tell(s *session.Session, results []outcome) error {
	if len(results) > 1 {
		return tellMany(s, results)
	}
	r := results[0]
	switch {
	case s.Output.ForPrograms():
		if r.err == nil || follow.WentOn(r.err) {
			if err := s.Output.Value(s.Out, r.op); err != nil {
				return err
			}
		}
	case r.err == nil:
		s.Findings(r.op.Findings)
		fmt.Fprintln(s.Out, r.line(s))
	}
	return r.err
}

func (o outcome) line(s *session.Session) string {
	switch {
	case s.Output == output.Name:
		return o.Name
	case s.NoWait && !o.op.State.Ended():
		return fmt.Sprintf("%s/%s: operation %s (%s)", o.Noun, o.Name, o.op.ID, o.Verb)
	}
	return fmt.Sprintf("%s/%s %s", o.Noun, o.Name, o.Past)
}
