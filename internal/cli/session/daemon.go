package session

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/reach"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Client is the way to the daemon; the first use finds it, nothing is sent yet.
func (s *Session) Client() (*client.Client, error) { return s.clientThat(false) }

// clientThat is Client; one in batch asks nobody for a password.
func (s *Session) clientThat(batch bool) (_ *client.Client, err error) {
	if s.client == nil {
		s.client, err = reach.Daemon(s.Env(reach.Variable), s.Root, batch)
	}
	return s.client, err
}

// Remote reports whether the daemon is on another host: the way there may take time, or ask for a password.
func (s *Session) Remote() bool { return reach.Remote(s.Env(reach.Variable)) }

// Socket is the path of the socket of a daemon on this host: the one at path, or where that is empty
// the one that a call without a name would take.
func (s *Session) Socket(path string) (string, error) {
	if path == "" {
		path = s.Env(reach.Variable)
	}
	return reach.Socket(path, s.Root)
}

// Ref names something in the project that the flags name.
func (s *Session) Ref(name string) model.Ref { return model.Ref{Project: s.Project, Name: name} }

// Select is what of a list is asked for.
func (s *Session) Select() client.ListOptions { return client.ListOptions{Selector: s.Selector} }

// Limit bounds ctx by --timeout. What was asked of the daemon goes on when the time is up.
func (s *Session) Limit(ctx context.Context) context.Context {
	if s.Timeout <= 0 {
		return ctx
	}
	ctx, s.cancel = context.WithTimeoutCause(ctx, s.Timeout, report.ErrTimeUp)
	return ctx
}

// Close lets go of what the call has opened.
func (s *Session) Close() {
	if s.cancel != nil {
		s.cancel()
	}
	if s.client != nil {
		s.client.Close()
	}
}
