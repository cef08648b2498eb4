package plan

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Halt is the end of a VM with its host.
type Halt struct {
	Begun    time.Time // its turn
	Deadline time.Time // when no VM may run any more; zero for never
}

// deadline is when a VM is ended that has not powered itself off.
func (h Halt) deadline(s vm.Spec) time.Time {
	own := h.Begun.Add(time.Duration(s.StopTimeout) * time.Second)
	if h.Deadline.IsZero() {
		return own
	}
	return earlier(own, h.Deadline)
}

// withHost notes that a run ended with its host's. With autostart its wish stays, for the host's next boot.
func withHost(in VMInput, e *vm.Ended, boot string) {
	e.BootID = boot
	if in.Effective.Autostart {
		e.PowerGeneration, e.Stays = min(e.PowerGeneration, in.Wish.PowerGeneration-1), in.Wish.PowerGeneration
	}
}

// held reports whether a start is not to be now, and notes why.
func held(in VMInput, p *Plan) bool {
	last := p.Ended
	if last == nil && in.Last != nil {
		last = in.Last.Ended
	}
	switch {
	case in.Hold != "":
		p.Held, p.Until = in.Hold, in.HoldUntil
	case last != nil && last.How == vm.EndHostDown && last.Stays == in.Wish.PowerGeneration && last.BootID == in.Facts.BootID:
		p.Held = "stopped for the host's shutdown; it starts with the host's next boot"
	}
	return p.Held != ""
}
