package agent

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// SetPassword gives a user of a VM's guest a password; crypted says that it is the hash of one, as crypt(5) makes it.
// It goes to the guest and nowhere else.
func (a *Agents) SetPassword(ctx context.Context, ref model.Ref, user, password string, crypted bool) error {
	if user == "" || len(user) > 64 || password == "" || len(password) > vm.MaxPassword {
		return fault.New(fault.Invalid, "a user has 1 to 64 letters, a password 1 to %d", vm.MaxPassword).WithCode("HV-GUEST-008")
	}
	args := struct {
		Username string `json:"username"`
		Password []byte `json:"password"`
		Crypted  bool   `json:"crypted"`
	}{user, []byte(password), crypted}
	return a.of(ctx, ref, func(s *session) error {
		return s.askWithin(ctx, 3*a.Within, maxReply, "guest-set-user-password", args, nil)
	})
}

// SetTime gives a VM's guest the host's time.
func (a *Agents) SetTime(ctx context.Context, ref model.Ref) error {
	return a.of(ctx, ref, func(s *session) error { return s.setTime(ctx) })
}

func (s *session) setTime(ctx context.Context) error {
	return s.askWithin(ctx, 3*s.agents.Within, maxReply, "guest-set-time", map[string]int64{"time": s.agents.Now().UnixNano()}, nil)
}

// Resumed gives a guest that was stopped the host's time, soon. A guest that was not running has no agent that
// answers, and takes the time from its clock.
func (a *Agents) Resumed(uuid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[uuid]
	if s == nil || a.ctx.Err() != nil {
		return
	}
	a.wg.Go(func() {
		if err := s.setTime(s.ctx); err != nil && s.ctx.Err() == nil {
			a.Log.Info("a guest that goes on could not be given the time", "vm", uuid, "err", err)
		}
	})
}

// Trim has a VM's guest give back the blocks that none of its files uses, and returns how many bytes those are. A guest
// gets no longer for it than for anything else: its agent does one thing at a time, and who waits for one that is silent
// keeps everybody else from it. One that is at it goes on by itself.
func (a *Agents) Trim(ctx context.Context, ref model.Ref) (trimmed int64, err error) {
	var said struct {
		Paths []struct {
			Path    string `json:"path"`
			Trimmed int64  `json:"trimmed"`
		} `json:"paths"`
	}
	err = a.of(ctx, ref, func(s *session) error {
		done, err := s.take(ctx, a.Within)
		if err != nil {
			return err
		}
		defer done()
		begun := time.Now()
		err = s.converse(ctx, a.Within, maxReply, "guest-fstrim", nil, &said)
		if err != nil && ctx.Err() == nil && s.ctx.Err() == nil && time.Since(begun) >= a.Within {
			return fault.New(fault.Unavailable, "its guest has not said within %s that it is done; where it has begun it goes on by itself", a.Within).
				Try("hv vm show %s says whether its agent answers; hv pool show, in some minutes, what came back", ref.Name).WithCode("HV-GUEST-001")
		}
		return err
	})
	for _, p := range said.Paths {
		trimmed += max(p.Trimmed, 0)
	}
	return trimmed, err
}

// Times of a shutdown. An agent that will shut down says nothing; one that does not says why at once.
const (
	heedWithin   = 2 * time.Second
	refuseWithin = 500 * time.Millisecond
	askOnlyOnce  = 2 * time.Minute
)

// Shutdown asks a guest by its agent to power off. An error says that it was not asked: its power button is there still.
func (a *Agents) Shutdown(ctx context.Context, uuid string) error {
	s, err := a.session(uuid)
	if err != nil {
		return err
	}
	s.mu.Lock()
	again := time.Since(s.asked) < askOnlyOnce
	s.mu.Unlock()
	if again {
		return fault.New(fault.Conflict, "the guest was asked by its agent already")
	}
	if err := s.askWithin(ctx, heedWithin, maxReply, "guest-ping", nil, nil); err != nil {
		return err
	}
	done, err := s.take(ctx, heedWithin)
	if err != nil {
		return err
	}
	defer done()
	end, err := s.reach(ctx, refuseWithin)
	if err != nil {
		return err
	}
	defer end()
	r, err := s.exchange("guest-shutdown", map[string]string{"mode": "powerdown"}, maxReply)
	if err == nil && r.Error != nil {
		return r.result("guest-shutdown", nil)
	}
	s.drop() // what it may say yet is not the answer to what comes next
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && s.ctx.Err() == nil {
		return s.why(ctx, "guest-shutdown", err)
	}
	s.mu.Lock()
	s.asked = time.Now()
	s.mu.Unlock()
	return nil
}
