package screen

import "io"

// Filter passes text on to W without what a terminal obeys: escape sequences, carriage returns and
// other control characters but newline and tab.
type Filter struct {
	W     io.Writer
	state filterState
}

type filterState uint8

const (
	text     filterState = iota
	escape               // after ESC
	sequence             // in a control sequence, until its final byte (ECMA-48)
	str                  // in an operating system command, until BEL or ESC \
)

// Write passes on what is text in p.
func (f *Filter) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p))
	for _, b := range p {
		if f.step(b) {
			out = append(out, b)
		}
	}
	if len(out) > 0 {
		if _, err := f.W.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// step reports whether b is text.
func (f *Filter) step(b byte) bool {
	switch f.state {
	case escape:
		f.state = text
		switch b {
		case '[':
			f.state = sequence
		case ']', 'P', 'X', '^', '_':
			f.state = str
		}
		return false
	case sequence:
		if b >= 0x40 && b <= 0x7e {
			f.state = text
		}
		return false
	case str:
		switch b {
		case 0x07:
			f.state = text
		case 0x1b:
			f.state = escape
		}
		return false
	case text:
	}
	if b == 0x1b {
		f.state = escape
		return false
	}
	return b >= ' ' && b != 0x7f || b == '\n' || b == '\t'
}

// Foreign is where what a stranger wrote goes, such as a guest: as text where somebody looks at it, unchanged into a pipe
// or a file.
func (s Screen) Foreign() io.Writer {
	if s.terminal {
		return &Filter{W: s.Writer}
	}
	return s.Writer
}
