package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// watch prints what the guest does until a line matches.
func watch(ctx context.Context, s *session.Session, conn io.Reader, name string, match *regexp.Regexp) error {
	m := &matcher{match: match}
	m.text = screen.Filter{W: &m.line}
	buf := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			found, used := m.see(buf[:n])
			if _, err := s.Out.Write(buf[:used]); err != nil {
				return err
			}
			if found {
				if buf[used-1] != '\n' {
					fmt.Fprintln(s.Out)
				}
				return nil
			}
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return unseen(ctx, name, match)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fault.New(fault.Unavailable, "the console of vm %q broke off", name).Because(err).Try("hv vm console %s", name)
		}
		return fault.New(fault.Precondition, "the console of vm %q ended before a line matched %q", name, match).Try("hv vm show %s", name)
	}
}

// unseen says what was waited for when the time was up.
func unseen(ctx context.Context, name string, match *regexp.Regexp) error {
	cause := context.Cause(ctx)
	code := report.CodeOf(cause)
	return &report.Ended{Code: code, Err: fault.New(fault.Unavailable, "no line on the console of vm %q matched %q", name, match).
		Try("hv vm console %s", name)}
}

// maxLine is how much of one line is looked at, in bytes: a guest may never end one.
const maxLine = 64 << 10

// matcher looks at lines as a person sees them: without escape sequences and carriage returns. A line
// that has not ended, such as a prompt, counts too.
type matcher struct {
	match *regexp.Regexp
	text  screen.Filter
	line  bytes.Buffer
}

// see takes in p. Where a line matches it returns how much of p was used up to there.
func (m *matcher) see(p []byte) (found bool, used int) {
	for used < len(p) {
		end := bytes.IndexByte(p[used:], '\n')
		part := p[used:]
		if end >= 0 {
			part = part[:end]
		}
		if m.line.Len() < maxLine {
			_, _ = m.text.Write(part) // a buffer takes everything
		}
		used += len(part)
		hit := m.match.Match(m.line.Bytes())
		if end >= 0 {
			used++
			m.line.Reset()
		}
		if hit {
			return true, used
		}
	}
	return false, used
}
