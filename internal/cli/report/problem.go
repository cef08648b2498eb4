package report

import (
	"errors"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Problem is err for a program: the daemon's own problem, or one of the same shape for what failed
// before the daemon was asked.
func Problem(err error) wire.Problem {
	if f, ok := errors.AsType[*client.Failure](err); ok {
		p := f.Problem
		p.Detail = err.Error() // with what was asked for put before it
		return p
	}
	kind := fault.KindOf(err)
	p := wire.Problem{
		Type: "about:blank", Title: kind.Error(), Status: wire.StatusOf(kind), Detail: err.Error(), Code: fault.CodeOf(err), Remedy: fault.HintOf(err),
	}
	if refusal, ok := errors.AsType[finding.Refusal](err); ok {
		p.Findings = refusal.Findings
	}
	if file, ok := errors.AsType[*config.Problems](err); ok {
		p.Findings = problems(file)
	}
	return p
}

// problems are the problems of a file as findings that refuse.
func problems(p *config.Problems) finding.List {
	var l finding.List
	for _, one := range p.List {
		l = append(l, finding.Finding{
			Code: one.Code, Severity: finding.Refused, Subject: []string{"declaration"}, What: one.What, Remedy: one.Hint,
			Position: one.Position, Path: one.Path,
		})
	}
	return l
}

// Request is the ID under which the daemon's log has the request that failed; empty where none did.
func Request(err error) string {
	if f, ok := errors.AsType[*client.Failure](err); ok {
		return f.Problem.RequestID
	}
	return ""
}
