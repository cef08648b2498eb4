package screen

import (
	"context"
	"errors"
	"io"

	"golang.org/x/term"
)

// ErrLeft says that who was asked has pressed Ctrl-C or Ctrl-D instead.
var ErrLeft = errors.New("nothing was typed")

// Hidden asks for a line at the terminal of r, on w, which is not shown: not even what was typed before the
// question stood there. A call that is interrupted meanwhile does not wait for it.
func Hidden(ctx context.Context, r io.Reader, w io.Writer, question string) (string, error) {
	restore, err := Raw(r)
	if err != nil {
		return "", err
	}
	defer restore()
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		t := term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{r, w}, "")
		text, err := t.ReadPassword(question)
		got <- line{text, err}
	}()
	select {
	case l := <-got:
		if errors.Is(l.err, io.EOF) {
			return "", ErrLeft
		}
		return l.text, l.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
