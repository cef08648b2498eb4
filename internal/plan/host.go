package plan

import (
	"maps"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
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

// haltTo is what a VM comes to when its host goes down: it is stopped, or suspended where its spec says so, nobody has
// failed at that, and there is a guest to be saved.
func haltTo(in VMInput) vm.Power {
	s := in.Effective.Startup
	if s == nil || s.OnHostStop != vm.HostStopSuspend || in.Effective.Power == vm.Off {
		return vm.Off
	}
	if in.Last != nil && in.Last.NotSaved != nil && in.Last.NotSaved.PowerGeneration == in.Wish.PowerGeneration {
		return vm.Off
	}
	if in.Encrypted() {
		return vm.Off // its memory would lie in a file in clear
	}
	return vm.Suspended
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
	case occupied(in) != "":
		p.Held = occupied(in)
	case last != nil && last.How == vm.EndHostDown && last.Stays == in.Wish.PowerGeneration && last.BootID == in.Facts.BootID:
		p.Held = "stopped for the host's shutdown; it starts with the host's next boot"
	case last != nil && last.How == vm.EndSuspended && last.Stays == in.Wish.PowerGeneration && last.BootID == in.Facts.BootID:
		p.Held = "suspended for the host's shutdown; it goes on with the host's next boot"
	}
	return p.Held != ""
}

// occupied says which of its volumes is being copied or moved while it is off: whoever begins to write to it then would
// have half of the copy old and half of it new. Who copies it asks for a look when that is over.
func occupied(in VMInput) string {
	for _, volumes := range []map[string]storage.Volume{in.Volumes, in.Media} {
		for _, device := range slices.Sorted(maps.Keys(volumes)) {
			if why := volumes[device].Busy(); why != "" {
				return why
			}
		}
	}
	return ""
}
