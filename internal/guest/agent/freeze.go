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
// are. The guest is thawed by Thaw, by itself here timeout after it was frozen, by the daemon's end, and by the next daemon
// if this one is killed: none stays frozen. A guest that could not be frozen is thawed before this returns.
func (a *Agents) Freeze(ctx context.Context, uuid string, timeout time.Duration) (int, error) {
	s, err := a.session(uuid)
	if err != nil {
		return 0, err
	}
	done, err := s.take(ctx, a.Within)
	if err != nil {
		return 0, err
	}
	mine := s.mark(timeout)
	if mine == nil {
		done()
		return 0, fault.New(fault.Conflict, "the guest is frozen already").Try("wait until the other snapshot is taken").WithCode("HV-GUEST-006")
	}
	var n int
	err = s.converse(ctx, freezeWithin, maxReply, "guest-fsfreeze-freeze", nil, &n)
	done()
	if err != nil {
		_, undone := s.thaw(context.WithoutCancel(ctx)) // it may have frozen all the same, or some of it
		if undone != nil {
			a.Log.Warn("a guest that could not be frozen cannot be thawed now", "vm", uuid, "err", undone)
		}
		return 0, fault.Wrap(err, "the guest's file systems cannot be frozen")
	}
	s.count(mine, timeout)
	return n, nil
}

// Frozen reports whether a guest is frozen from here, and nobody has begun to thaw it.
func (a *Agents) Frozen(uuid string) bool {
	s, err := a.session(uuid)
	return err == nil && s.ours()
}

// Thaw lets a guest write again, and returns how many file systems do. One that is not frozen is no error.
func (a *Agents) Thaw(ctx context.Context, uuid string) (int, error) {
	s, err := a.session(uuid)
	if err != nil {
		return 0, err
	}
	return s.thaw(ctx)
}

// mark notes that the guest is about to be frozen from here. Until it is, its timer runs for longer than that can take: a
// guest that is slow to write out what it holds has the whole of timeout yet. Nil where it is frozen already.
func (s *session) mark(timeout time.Duration) *time.Timer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		return nil
	}
	s.frozen = time.AfterFunc(2*freezeWithin+timeout, func() {
		s.agents.Log.Warn("a guest was frozen for too long, and is thawed", "vm", s.uuid, "after", timeout)
		if _, err := s.thaw(s.ctx); err != nil && s.ctx.Err() == nil {
			s.agents.Log.Error("a guest cannot be thawed", "vm", s.uuid, "err", err)
		}
	})
	return s.frozen
}

// count has the guest that is frozen now thawed after timeout.
func (s *session) count(mine *time.Timer, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen == mine {
		mine.Reset(timeout)
	}
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
