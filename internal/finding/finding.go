// Package finding holds what a rule, a resolver or a prober says about a declaration, a spec or an
// operation before anything happens: what, why, and how to get to yes.
//
// What lives here: the value, its order, and the error that a refusal becomes. What does not: the
// rules (package rule), the catalogue (package feature), and how one is printed (cli).
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says what a finding does. The order is from worst to mildest.
type Severity string

// The severities, worst first.
const (
	Refused     Severity = "refused"     // the declaration, spec or operation does not go through
	Unavailable Severity = "unavailable" // asked for, and this build or platform has no hands for it
	Waiting     Severity = "waiting"     // a need is not met yet; the rest goes on without it
	Limited     Severity = "limited"     // goes through, with a limit the owner should know
	Consequence Severity = "consequence" // goes through, and this follows from it
	Advice      Severity = "advice"      // nothing depends on it
)

var order = []Severity{Refused, Unavailable, Waiting, Limited, Consequence, Advice}

// Rank orders severities: 0 is the worst. An unknown severity ranks after all others.
func (s Severity) Rank() int {
	switch s {
	case Refused:
		return 0
	case Unavailable:
		return 1
	case Waiting:
		return 2
	case Limited:
		return 3
	case Consequence:
		return 4
	case Advice:
		return 5
	}
	return len(order)
}

// Position is a place in the owner's own file. Line and Column count from 1; a zero Line means
// that the place is not known.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Column)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Finding is one thing that was found out.
type Finding struct {
	Code     string   `json:"code"`              // stable, such as HV-FEAT-004
	Severity Severity `json:"severity"`          //
	Subject  []string `json:"subject"`           // what plays a part: feature ids, "vm/web", "volume/root"
	What     string   `json:"what"`              // one sentence, lower case, no full stop
	Why      string   `json:"why,omitempty"`     // the reason, as a fact
	Remedy   string   `json:"remedy,omitempty"`  // an edit to the declaration, or a command
	Ways     []Way    `json:"ways,omitempty"`    // of the remedy: those that are edits to the declaration alone; shared by many, and never changed
	Source   string   `json:"source,omitempty"`  // where the rule comes from
	Position Position `json:"position,omitzero"` // in the owner's file, where it is known
	Path     string   `json:"path,omitempty"`    // in the declaration: hypervisor.vms.web.memory
	// Excerpt is the line at Position with a caret below it, where whoever tells it has the owner's file.
	Excerpt string `json:"-"`
}

// List is findings, kept worst first by Sort.
type List []Finding

// Sort orders l worst first, then by code, then by subject: the same findings print the same way.
//
// Findings are large: their places are sorted first, and then each moves once.
func (l List) Sort() {
	type place struct{ rank, at int }
	var few [96]place // without asking the heap
	places := few[:0]
	for i := range l {
		places = append(places, place{l[i].Severity.Rank(), i})
	}
	slices.SortFunc(places, func(p, q place) int {
		if p.rank != q.rank {
			return p.rank - q.rank
		}
		a, b := &l[p.at], &l[q.at]
		if a.Code != b.Code {
			return strings.Compare(a.Code, b.Code)
		}
		if c := slices.Compare(a.Subject, b.Subject); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.What, b.What), p.at-q.at) // those that are alike stay in their order
	})
	for i := range places {
		from := i
		for held := l[i]; places[from].at != from; {
			next := places[from].at
			places[from].at = from
			if next == i {
				l[from] = held
				break
			}
			l[from] = l[next]
			from = next
		}
	}
}

// Refuses reports whether any finding refuses.
func (l List) Refuses() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Severity == Refused })
}

// Of returns the findings of one severity, in l's order.
func (l List) Of(s Severity) List {
	var out List
	for _, f := range l {
		if f.Severity == s {
			out = append(out, f)
		}
	}
	return out
}

// Sum says how many of each there are, worst first: "1 refused, 2 limited". Empty for no findings.
func (l List) Sum() string {
	out := ""
	for _, s := range order {
		if n := len(l.Of(s)); n > 0 {
			if out != "" {
				out += ", "
			}
			out += fmt.Sprintf("%d %s", n, s)
		}
	}
	return out
}

// Refusal is the error that findings become when one of them refuses. It carries all of them.
// Give it a kind by wrapping it: fault.New(fault.Denied, "cannot create vm %q", n).Because(finding.Refusal{l}).
type Refusal struct{ Findings List }

func (r Refusal) Error() string {
	refused := r.Findings.Of(Refused)
	if len(refused) == 0 {
		return "refused"
	}
	if len(refused) == 1 {
		return refused[0].What
	}
	return fmt.Sprintf("%s (and %d more)", refused[0].What, len(refused)-1)
}
