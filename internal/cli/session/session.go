// Package session is one call of hv: its streams, what the flags said that mean the same everywhere, the
// way to the daemon.
//
// What lives here: what every command needs. What does not: the commands, and how anything is printed.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// World is what a call is given.
type World struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) string
	Now      func() time.Time
	Root     string // the host's root folder, where the daemon's socket is looked for
}

// Session is one call.
type Session struct {
	World
	Flags

	// Out and Err are World's streams as screens, once the flags are known.
	Out, Err screen.Screen

	client *client.Client
	cancel context.CancelFunc
}

// New returns a session whose flags are not read yet.
func New(w World) *Session {
	s := &Session{World: w}
	s.screens()
	return s
}

func (s *Session) screens() {
	plain := s.Env("NO_COLOR") != "" || s.Env("TERM") == "dumb"
	s.Out = screen.Of(s.World.Out, s.Color, plain)
	s.Err = screen.Of(s.World.Err, s.Color, plain)
}

// Findings prints l where notices go. -q leaves away those that refuse nothing.
func (s *Session) Findings(l finding.List) {
	if s.Quiet {
		l = l.Of(finding.Refused)
	}
	report.Findings(s.Err, l)
}

// Table prints t, or what to do next where it is empty.
func (s *Session) Table(t *output.Table, empty string) error {
	if len(t.Rows) == 0 {
		if s.Selector != "" {
			empty = "nothing has labels that match " + s.Selector
		}
		s.Notice("%s", empty)
		return nil
	}
	return t.Write(s.Out, s.Output == output.Wide)
}

// Fail tells an error that does not end the call yet, or ends it.
func (s *Session) Fail(err error) {
	if s.Output.ForPrograms() && s.Output != output.Nix { // there is no problem in Nix: that is read by people
		if told, ok := errors.AsType[*report.Ended](err); ok && told.Err == nil {
			return
		}
		if printed := output.JSON.Value(s.Err, report.Problem(err)); printed == nil {
			return
		}
	}
	report.Error(s.Err, err)
	if id := report.Request(err); id != "" && s.Verbose {
		fmt.Fprintf(s.Err, "  request %s: the daemon's log has more under that ID\n", id)
	}
}
