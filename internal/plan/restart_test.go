package plan

import (
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func policy(edit func(*vm.Spec)) func(*VMInput) { return func(in *VMInput) { edit(&in.Wish.Spec) } }

var (
	onPowerOffRestart = policy(func(s *vm.Spec) { s.OnPowerOff = vm.AfterRestart })
	onRebootStop      = policy(func(s *vm.Spec) { s.OnReboot = vm.AfterStop })
	onCrashRestart    = policy(func(s *vm.Spec) { s.OnCrash = vm.AfterRestart })
	onCrashPreserve   = policy(func(s *vm.Spec) { s.OnCrash = vm.AfterPreserve })
)

func because(reason string) func(*VMInput) { return func(in *VMInput) { in.Seen.Shutdown = reason } }

// restarted is a VM whose nth restart in a row was, or is, not before next.
func restarted(n int, next time.Time) func(*VMInput) {
	return func(in *VMInput) {
		if in.Last == nil {
			in.Last = &vm.PowerStatus{}
		}
		in.Last.Restart = &vm.Restart{Count: n, After: vm.EndPanic, Next: next, PowerGeneration: 3}
	}
}

func begun(ago time.Duration) func(*VMInput) {
	return func(in *VMInput) { t := noon.Add(-ago); in.Last.Process.Begun = &t }
}

func TestWhatFollowsWhenAGuestEndsByItself(t *testing.T) {
	for name, c := range map[string]struct {
		edit    func(*VMInput)
		steps   string
		how     vm.End
		stays   bool // the wish
		restart int
		until   time.Duration // from now, where it is looked at again
	}{
		"a power-off ends it":                         {runs("shutdown"), "quit cleanup", vm.EndGuest, false, 0, 0},
		"unless it is to be restarted":                {with(runs("shutdown"), onPowerOffRestart), "quit cleanup", vm.EndGuest, true, 1, 0},
		"but not where it was asked for":              {with(runs("shutdown"), wish(vm.Off), asked(3, noon.Add(time.Hour)), onPowerOffRestart), "quit cleanup", vm.EndStopped, false, 0, 0},
		"a reset that ends it":                        {with(runs("shutdown"), because("guest-reset"), onRebootStop, onPowerOffRestart), "quit cleanup", vm.EndReset, false, 0, 0},
		"a panic ends it":                             {runs("guest-panicked"), "quit cleanup", vm.EndPanic, false, 0, 0},
		"a panic restarts it":                         {with(runs("guest-panicked"), onCrashRestart), "quit cleanup", vm.EndPanic, true, 1, 0},
		"a panic is kept":                             {with(runs("guest-panicked"), onCrashPreserve), "", vm.EndPanic, false, 0, 0},
		"also at the next look":                       {with(runs("guest-panicked"), onCrashPreserve, used(3)), "", "", false, 0, 0},
		"until it is to be off":                       {with(runs("guest-panicked"), onCrashPreserve, used(2), wish(vm.Off)), "quit cleanup", "", false, 0, 0},
		"or to be on by a newer wish":                 {with(runs("guest-panicked"), onCrashPreserve, used(2)), "quit cleanup", "", false, 0, 0},
		"or deleted":                                  {with(runs("guest-panicked"), onCrashPreserve, used(3), deleted), "quit cleanup", "", false, 0, 0},
		"an expired watchdog that pauses is a pause":  {runs("watchdog"), "", "", false, 0, 0},
		"which is gone on from by a newer wish":       {with(runs("watchdog"), func(in *VMInput) { in.Last.Process.Wish = 2 }), "continue", "", false, 0, 0},
		"or a crash, where that restarts it":          {with(runs("watchdog"), onCrashRestart), "quit cleanup", vm.EndWatchdog, true, 1, 0},
		"KVM that gave up is one":                     {with(runs("internal-error"), onCrashRestart), "quit cleanup", vm.EndQEMU, true, 1, 0},
		"a QEMU that died is one, and is waited with": {with(died, onCrashRestart), "cleanup", vm.EndQEMU, true, 1, time.Second},
		"there is nothing of it to be kept":           {with(died, onCrashPreserve), "cleanup", vm.EndQEMU, false, 0, 0},
		"the second waits longer":                     {with(died, onCrashRestart, restarted(1, noon)), "cleanup", vm.EndQEMU, true, 2, 2 * time.Second},
		"the tenth five minutes":                      {with(died, onCrashRestart, restarted(9, noon)), "cleanup", vm.EndQEMU, true, 10, 5 * time.Minute},
		"the hundredth too":                           {with(died, onCrashRestart, restarted(99, noon)), "cleanup", vm.EndQEMU, true, 100, 5 * time.Minute},
		"after a run that lasted it begins anew":      {with(died, onCrashRestart, restarted(9, noon), begun(lasted)), "cleanup", vm.EndQEMU, true, 1, time.Second},
		"a wish to be off is no crash":                {with(died, onCrashRestart, wish(vm.Off)), "cleanup", vm.EndKilled, false, 0, 0},
		"it waits until it is time":                   {restarted(2, noon.Add(time.Second)), "", "", false, 2, time.Second},
		"and then starts":                             {restarted(2, noon), "launch attach continue", "", false, 2, 0},
		"a start by a person goes at once": {with(restarted(2, noon.Add(time.Second)), func(in *VMInput) { in.Wish.PowerGeneration = 4 }),
			"launch attach continue", "", false, 0, 0},
		"a run that lasts is forgotten to have been a restart": {with(runs("running"), restarted(2, noon), begun(lasted)), "", "", false, 0, 0},
	} {
		p, err := VM(input(c.edit))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n, how, stays := 0, vm.End(""), false
		if p.Restart != nil {
			n = p.Restart.Count
		}
		if p.Ended != nil {
			how, stays = p.Ended.How, p.Ended.PowerGeneration < 3
		}
		if kinds(p) != c.steps || how != c.how || stays != c.stays || n != c.restart {
			t.Errorf("%s:\n  got  %q end %q, the wish stays %v, restart %d\n  want %q end %q, the wish stays %v, restart %d",
				name, kinds(p), how, stays, n, c.steps, c.how, c.stays, c.restart)
		}
		if p.Waiting != (c.until > 0) || c.until > 0 && !p.Until.Equal(noon.Add(c.until)) {
			t.Errorf("%s: it waits %v until %v", name, p.Waiting, p.Until)
		}
	}
}

// used is an end that was written down, of the run that is still there.
func used(generation int64) func(*VMInput) {
	return func(in *VMInput) { in.Last.Ended = &vm.Ended{How: vm.EndPanic, Run: 7, PowerGeneration: generation} }
}
