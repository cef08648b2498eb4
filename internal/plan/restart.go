package plan

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// How long a VM that ended by itself waits for its next start: a second, twice as long each time, five minutes at
// most. A run of ten minutes is one that lasted: the next end begins anew.
const (
	restartFirst = time.Second
	restartMost  = 5 * time.Minute
	lasted       = 10 * time.Minute
)

// afterwards is what the spec says about an end; empty for those about which it says nothing.
func afterwards(s vm.Spec, how vm.End) vm.Afterwards {
	switch how {
	case vm.EndGuest:
		return s.OnPowerOff
	case vm.EndReset:
		return s.OnReboot
	case vm.EndPanic, vm.EndWatchdog, vm.EndQEMU:
		return s.OnCrash
	case vm.EndStopped, vm.EndKilled, vm.EndHostReboot, vm.EndHostDown, vm.EndReboot, vm.EndSuspended, vm.EndUnresumed:
	}
	return ""
}

// restart is what the status keeps of starting again: of this end, or of the last one.
func restart(in VMInput, e *vm.Ended) *vm.Restart {
	var last *vm.Restart
	if in.Last != nil && in.Last.Restart != nil && in.Last.Restart.PowerGeneration == in.Wish.PowerGeneration {
		last = in.Last.Restart
	}
	if e == nil {
		if last != nil && ran(in) >= lasted {
			return nil
		}
		return last
	}
	if e.PowerGeneration >= in.Wish.PowerGeneration || afterwards(in.Effective, e.How) != vm.AfterRestart {
		return nil
	}
	n := 1
	if last != nil && ran(in) < lasted {
		n = last.Count + 1
	}
	return &vm.Restart{Count: n, After: e.How, Next: in.Now.Add(pauseBefore(n)), PowerGeneration: in.Wish.PowerGeneration}
}

// pauseBefore is how long the nth restart in a row waits.
func pauseBefore(n int) time.Duration {
	if n > 16 {
		return restartMost
	}
	return min(restartFirst<<(n-1), restartMost)
}

// ran is how long the run that was written down last lasts, or lasted.
func ran(in VMInput) time.Duration {
	if in.Last == nil || in.Last.Process == nil || in.Last.Process.Begun == nil {
		return 0
	}
	return in.Now.Sub(*in.Last.Process.Begun)
}

// preserved reports whether what crashed is to be kept as it is, until somebody wishes anew.
func preserved(in VMInput, e *vm.Ended) bool {
	if e == nil && in.Last != nil {
		e = in.Last.Ended
	}
	return in.Effective.OnCrash == vm.AfterPreserve && in.Effective.Power != vm.Off && in.Wish.Deleted == nil &&
		e != nil && e.PowerGeneration >= in.Wish.PowerGeneration
}
