package agent

import (
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Times of a freeze. A guest writes what it has not written yet first, and runs its hooks.
const (
	freezeWithin = 60 * time.Second
	thawWithin   = 10 * time.Second
	thawTries    = 3
)

// Freeze has a guest write what it holds and stop writing: its file systems are then as after a clean unmount, and what
// its hooks prepare (/etc/qemu/fsfreeze-hook.d: a database that flushes) is done. It returns how many file systems that
// are. The guest is thawed by Thaw, by itself here after timeout, by the daemon's end, and by the next daemon if this one
// is killed: none stays frozen. A guest that could not be frozen is thawed before this returns.
func (a *Agents) Freeze(ctx context.Context, uuid string, timeout time.Duration) (int, error) {
	s, err := a.session(uuid)
	if err != nil {
		return 0, err
	}
	if !s.mark(timeout) {
		return 0, fault.New(fault.Conflict, "the guest is frozen already").Try("wait until the other snapshot is taken").WithCode("HV-GUEST-006")
	}
	var n int
	err = s.askWithin(ctx, freezeWithin, maxReply, "guest-fsfreeze-freeze", nil, &n)
	if err != nil {
		_, undone := s.thaw(context.WithoutCancel(ctx)) // it may have frozen all the same, or some of it
		if undone != nil {
			a.Log.Warn("a guest that could not be frozen cannot be thawed now", "vm", uuid, "err", undone)
		}
		return 0, fault.Wrap(err, "the guest's file systems cannot be frozen")
	}
	return n, nil
}

// Thaw lets a guest write again, and returns how many file systems do. One that is not frozen is no error.
func (a *Agents) Thaw(ctx context.Context, uuid string) (int, error) {
	s, err := a.session(uuid)
	if err != nil {
		return 0, err
	}
	return s.thaw(ctx)
}

// mark notes that the guest is frozen from here, and has it thawed after timeout. False where it is already.
func (s *session) mark(timeout time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		return false
	}
	s.frozen = time.AfterFunc(timeout, func() {
		s.agents.Log.Warn("a guest was frozen for too long, and is thawed", "vm", s.uuid, "after", timeout)
		if _, err := s.thaw(s.ctx); err != nil && s.ctx.Err() == nil {
			s.agents.Log.Error("a guest cannot be thawed", "vm", s.uuid, "err", err)
		}
	})
	return true
}

func (s *session) ours() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen != nil
}

// thaw tries more than once: a guest that stays frozen hangs. Where it cannot be, the next look at it tries again.
func (s *session) thaw(ctx context.Context) (n int, err error) {
	s.mu.Lock()
	if s.frozen != nil {
		s.frozen.Stop()
		s.frozen = nil
	}
	s.mu.Unlock()
	for range thawTries {
		if err = s.askWithin(ctx, thawWithin, maxReply, "guest-fsfreeze-thaw", nil, &n); err == nil || !fault.Retryable(err) {
			return n, err
		}
	}
	return n, fault.Wrap(err, "the guest's file systems cannot be thawed")
}

// thawAtEnd thaws what is still frozen from here.
func (s *session) thawAtEnd() {
	if !s.ours() {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, thawWithin)
	defer cancel()
	if _, err := s.thaw(ctx); err != nil {
		s.agents.Log.Error("a guest stays frozen until the next daemon", "vm", s.uuid, "err", err)
	}
}
