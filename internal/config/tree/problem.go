package tree

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// The codes of a text's own problems. They are stable.
const (
	CodeSyntax    = "HV-DECL-001" // the file cannot be parsed or evaluated
	CodeDuplicate = "HV-DECL-004" // a key written twice
	CodeBounds    = "HV-DECL-005" // too large, too deep, too many, too long
)

// hints are the next steps of problems that have none of their own.
var hints = map[string]string{
	CodeSyntax: "mend it there; hv help declaration shows how one is written",
	CodeBounds: "leave out what the host does not need: no host comes near that bound",
}

// Problem is one thing that keeps a file from being read.
type Problem struct {
	Code     string           `json:"code"`
	Position finding.Position `json:"position,omitzero"`
	Path     string           `json:"path,omitempty"`    // hypervisor.vms.web.memory
	What     string           `json:"what"`              // one sentence, lower case, no full stop
	Hint     string           `json:"hint,omitempty"`    // the next step
	Excerpt  string           `json:"excerpt,omitempty"` // the line and a caret below it, without a last newline
}

func (p Problem) String() string {
	out := p.What
	if p.Path != "" {
		out = p.Path + ": " + out
	}
	if at := p.Position.String(); at != "" {
		out = at + ": " + out
	}
	return out
}

// Problems is the error of a file that cannot be read: all of them, sorted by position. Its
// fault kind is Unreadable where the text cannot be parsed, Invalid where it says something wrong.
type Problems struct {
	Kind    fault.Kind
	File    string // the file that was asked for
	List    []Problem
	Dropped int // problems beyond the most that are listed
}

// MaxProblems is the most that one error lists.
const MaxProblems = 100

// NewProblems sorts what was found in a file by its place. Kind is Unreadable or Invalid.
func NewProblems(kind fault.Kind, file string, found []Problem) *Problems {
	for i := range found {
		if found[i].Hint == "" {
			found[i].Hint = hints[found[i].Code]
		}
	}
	slices.SortStableFunc(found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Position.File, b.Position.File), cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
	p := &Problems{Kind: kind, File: file, List: found}
	if len(found) > MaxProblems {
		p.List, p.Dropped = found[:MaxProblems:MaxProblems], len(found)-MaxProblems
	}
	return p
}

// Error is the first problem, and how many more there are.
func (p *Problems) Error() string {
	if len(p.List) == 0 {
		return "cannot read " + p.File
	}
	out := p.List[0].String()
	if more := len(p.List) - 1 + p.Dropped; more > 0 {
		out += fmt.Sprintf(" (and %d more)", more)
	}
	return out
}

// Unwrap gives the error its kind and, where one problem stands alone, its code and hint.
func (p *Problems) Unwrap() error {
	f := fault.New(p.Kind, "cannot read %s", p.File)
	if len(p.List) == 1 {
		f.Code, f.Hint = p.List[0].Code, p.List[0].Hint
	}
	return f
}

// Detail is every problem with its line, a caret and what to do next, as a person reads it; the
// last line without a newline.
func (p *Problems) Detail() string {
	var b strings.Builder
	for i, one := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  %s", one, one.Code)
		if one.Excerpt != "" {
			b.WriteString("\n" + one.Excerpt)
		}
		if one.Hint != "" {
			b.WriteString("\n  try: " + one.Hint)
		}
	}
	if p.Dropped > 0 {
		fmt.Fprintf(&b, "\n… and %d more", p.Dropped)
	}
	return b.String()
}

// texts returns the lines of the files that positions name, for excerpts.
type texts func(file string) string

// Excerpt is the line of text at p with a caret below it; empty where there is no such line, or one that no person
// wrote.
func Excerpt(text string, p finding.Position) string {
	return texts(func(string) string { return text }).excerpt(p)
}

// maxShown keeps a line of a generated file from filling the terminal, in characters.
const maxShown = 120

// excerpt is the line at p with a caret below it; empty where the line is not known, or one that no
// person wrote.
func (t texts) excerpt(p finding.Position) string {
	if t == nil || p.Line == 0 {
		return ""
	}
	line, ok := lineOf(t(p.File), p.Line)
	if !ok || len(line) > maxLine {
		return ""
	}
	shown, column := []rune(line), p.Column-1
	if column < 0 || column > len(shown) {
		return ""
	}
	if first := column - maxShown/2; len(shown) > maxShown && first > 0 {
		shown, column = shown[first:], column-first
	}
	shown = shown[:min(len(shown), maxShown)]
	pad := []rune(strings.Repeat(" ", column))
	for i := range shown {
		switch {
		case shown[i] == '\t' && i < len(pad): // the caret stands right whatever a tab is wide
			pad[i] = '\t'
		case shown[i] < ' ' && shown[i] != '\t' || shown[i] == 0x7f:
			shown[i] = '·' // a terminal obeys none of a file's Control characters
		}
	}
	gutter := fmt.Sprintf("%5d | ", p.Line)
	return gutter + string(shown) + "\n" + strings.Repeat(" ", len(gutter)-2) + "| " + string(pad) + "^"
}

func lineOf(s string, n int) (string, bool) {
	for ; n > 1; n-- {
		_, rest, ok := strings.Cut(s, "\n")
		if !ok {
			return "", false
		}
		s = rest
	}
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), s != ""
}
