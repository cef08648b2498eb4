package change

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// tellMany prints a result for each of many changes: a table, one name a line, or for programs a list with
// an operation for each. What went wrong is told on stderr, too, with its next step.
func tellMany(s *session.Session, results []outcome) error {
	worst, well := report.Done, 0
	table := output.Table{Columns: []output.Column{{Title: "NAME", Cut: true}, {Title: "RESULT"}, {Title: "OPERATION"}}}
	all := make([]operation.Operation, 0, len(results))
	for _, r := range results {
		worst = report.Worst(worst, report.CodeOf(r.err))
		op := r.told(s.Project)
		all = append(all, op)
		table.Add(r.Name, r.result(), op.ID)
		if r.err != nil {
			s.Fail(r.err)
			continue
		}
		well++
		if !s.Output.ForPrograms() {
			s.Findings(r.op.Findings)
		}
		if s.Output == output.Name {
			fmt.Fprintln(s.Out, r.Name)
		}
	}
	if s.Output.ForPrograms() {
		if err := s.Output.Value(s.Out, all); err != nil {
			return err
		}
	} else if s.Output != output.Name {
		if err := s.Table(&table, ""); err != nil {
			return err
		}
		if well < len(results) {
			s.Notice("%d of %d %s", well, len(results), results[0].Past)
		}
	}
	return report.Told(worst)
}

// result is what became of one change, in a word.
func (o outcome) result() string {
	switch {
	case o.err == nil && o.op.State.Ended():
		return o.Past
	case o.err == nil, follow.WentOn(o.err):
		return "goes on"
	case o.op == nil:
		return "refused"
	case o.op.State.Ended():
		return string(o.op.State)
	}
	return "unknown"
}

// told is the operation of one change as programs are told of it: one that was refused has none of its own, so
// it has no ID, and its error.
func (o outcome) told(project string) operation.Operation {
	if o.op != nil {
		return *o.op
	}
	op := operation.Operation{Wish: operation.Wish{
		Action: o.Noun + "." + o.Verb, Target: operation.Target{Kind: o.Noun, Ref: model.Ref{Project: project, Name: o.Name}},
	}}
	op.State = operation.Failed
	op.Error = &operation.Problem{Kind: fault.KindOf(o.err).Error(), Code: fault.CodeOf(o.err), What: o.err.Error(), Hint: fault.HintOf(o.err)}
	return op
}
