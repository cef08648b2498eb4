package session

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/reach"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Client is the way to the daemon; the first use finds its socket, nothing is sent yet.
func (s *Session) Client() (*client.Client, error) {
	if s.client == nil {
		path, err := reach.Socket(s.Env(reach.Variable), s.Root)
		if err != nil {
			return nil, err
		}
		s.client = client.Unix(path)
	}
	return s.client, nil
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
