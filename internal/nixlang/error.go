package nixlang

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Error is what went wrong in a Nix file, and where. fault.KindOf gives Unreadable for text that
// cannot be parsed, Invalid for what was parsed and cannot be evaluated, and Unavailable when the
// caller's context ended first; fault.HintOf gives the next step where there is one.
type Error struct {
	Message  string           // lower case, no position
	Position finding.Position // Line is 0 where no place is to blame
	Line     string           // the text of that line
	Trace    []Frame          // what was being evaluated, innermost first; short

	kind      fault.Kind
	hint      string
	cause     error
	at        pos
	catchable bool // by tryEval: throw and assert only
	dropped   int  // frames that were left out of Trace
}

// Frame is one step of the way to an error.
type Frame struct {
	What     string // while evaluating the attribute 'memory'
	Position finding.Position
}

// maxFrames keeps a trace readable: the steps next to the error tell most.
const maxFrames = 6

func (e *Error) Error() string {
	if e.Position.Line == 0 {
		return e.Message
	}
	return e.Position.String() + ": " + e.Message
}

// Unwrap gives the error its kind and hint.
func (e *Error) Unwrap() error {
	f := fault.New(e.kind, "%s", e.Message)
	f.Hint = e.hint
	return f.Because(e.cause)
}

// Detail returns the error with the line it happened on, a caret under the place, and the trace:
// several lines, the last without a newline.
func (e *Error) Detail() string {
	var b strings.Builder
	b.WriteString(e.Error())
	if e.Position.Line > 0 {
		e.writeCaret(&b)
	}
	for _, f := range e.Trace {
		fmt.Fprintf(&b, "\n  %s", f.What)
		if f.Position.Line > 0 {
			fmt.Fprintf(&b, " (%s)", f.Position)
		}
	}
	if e.dropped > 0 {
		fmt.Fprintf(&b, "\n  … and %d more", e.dropped)
	}
	return b.String()
}

// maxShownLine keeps a line of a generated file from filling the terminal, in characters.
const maxShownLine = 160

func (e *Error) writeCaret(b *strings.Builder) {
	line, column := []rune(e.Line), e.Position.Column-1
	column = min(column, len(line))
	if first := column - maxShownLine/2; len(line) > maxShownLine && first > 0 {
		line, column = line[first:], column-first
	}
	line = line[:min(len(line), maxShownLine)]
	pad := []rune(strings.Repeat(" ", column))
	for i := range pad {
		if line[i] == '\t' { // the caret stands right whatever a tab is wide
			pad[i] = '\t'
		}
	}
	gutter := fmt.Sprintf("%5d | ", e.Position.Line)
	fmt.Fprintf(b, "\n%s%s\n%s| %s^", gutter, string(line), strings.Repeat(" ", len(gutter)-2), string(pad))
}

func newError(kind fault.Kind, at pos, format string, args ...any) *Error {
	e := &Error{Message: said(format, args...), kind: kind}
	e.place(at)
	return e
}

// maxMessage bounds what throw can say, in bytes.
const maxMessage = 4096

func said(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return harmless(s)
}

// harmless replaces what a terminal would obey, one character by one.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// failf is an error of evaluation.
func failf(at pos, format string, args ...any) *Error {
	return newError(fault.Invalid, at, format, args...)
}

// syntaxf is an error of parsing.
func syntaxf(at pos, format string, args ...any) *Error {
	return newError(fault.Unreadable, at, format, args...)
}

// try sets the next step.
func (e *Error) try(format string, args ...any) *Error {
	e.hint = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) place(at pos) {
	if !at.known() {
		return
	}
	e.at, e.Position, e.Line = at, at.position(), harmless(at.lineText())
}

// placed gives err the place at if it has none that an owner could look at: what a builtin or a
// function of lib finds wrong is shown where the owner called it.
func placed(err error, at pos) error {
	if e, ok := errors.AsType[*Error](err); ok && !e.at.known() {
		e.place(at)
	}
	return err
}

// traced adds a step to err's trace. A step on the line of the error itself tells nothing new.
func traced(err error, at pos, format string, args ...any) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || !at.known() {
		return err
	}
	f := Frame{What: said(format, args...), Position: at.position()}
	if n := len(e.Trace); n > 0 && e.Trace[n-1] == f {
		return err
	}
	if len(e.Trace) == maxFrames {
		e.dropped++
		return err
	}
	e.Trace = append(e.Trace, f)
	return err
}
