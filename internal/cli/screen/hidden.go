package screen

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// Hidden reads a line at the terminal of r, which does not show it. A call that is interrupted meanwhile does not
// wait for it, and leaves the terminal as it was.
func Hidden(ctx context.Context, r io.Reader) (string, error) {
	f, ok := r.(*os.File)
	if !ok {
		return "", os.ErrInvalid
	}
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type line struct {
		text []byte
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		got <- line{text, err}
	}()
	select {
	case l := <-got:
		return string(l.text), l.err
	case <-ctx.Done():
		_ = term.Restore(fd, before) // there is nobody to tell
		return "", context.Cause(ctx)
	}
}
