// Package screen knows the terminal: whether there is one, how wide it is, whether it takes colour, how a
// line on it is shown and taken away again, and how it becomes raw for a console.
//
// What lives here: terminals. What does not: what is printed (output, report, follow).
package screen

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Color says when there is colour.
type Color string

// The choices of --color.
const (
	Auto   Color = "auto"
	Always Color = "always"
	Never  Color = "never"
)

// DefaultWidth is the width, in characters, where there is no terminal to ask.
const DefaultWidth = 80

// Screen is one stream that may be a terminal.
type Screen struct {
	io.Writer
	fd       int
	terminal bool
	color    bool
}

// Of returns the screen of a stream. noColor is the environment's NO_COLOR, and a TERM of "dumb" is
// the same.
func Of(w io.Writer, color Color, noColor bool) Screen {
	s := Screen{Writer: w}
	if f, ok := w.(*os.File); ok {
		s.fd = int(f.Fd())
		s.terminal = term.IsTerminal(s.fd)
	}
	s.color = color == Always || color == Auto && s.terminal && !noColor
	return s
}

// IsTerminal reports whether somebody looks at it.
func (s Screen) IsTerminal() bool { return s.terminal }

// Width is the number of characters in a line; 0 where there is no terminal, so that nothing is cut.
func (s Screen) Width() int {
	if !s.terminal {
		return 0
	}
	w, _, err := term.GetSize(s.fd)
	if err != nil || w <= 0 {
		return DefaultWidth
	}
	return w
}

// Height is the number of its lines; 24 where there is nobody to ask.
func (s Screen) Height() int {
	const usual = 24
	if !s.terminal {
		return usual
	}
	if _, h, err := term.GetSize(s.fd); err == nil && h > 0 {
		return h
	}
	return usual
}

// IsTerminal reports whether r is a terminal that a person may type at.
func IsTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Raw makes the terminal of r raw and returns what gives it back. It is an error where r is none.
func Raw(r io.Reader) (restore func(), err error) {
	f, ok := r.(*os.File)
	if !ok {
		return nil, os.ErrInvalid
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(int(f.Fd()), before) }, nil
}
