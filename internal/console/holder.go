//go:build linux

package console

import (
	"fmt"
	"time"
)

// grace is how long who types waits for the one who holds the line, who may be about to leave: a script connects again
// and again.
const grace = time.Second

// pass gives the line to a viewer, or to nobody. lines.mu is held.
func (ln *line) pass(to *viewer) {
	ln.holder = to
	close(ln.freed)
	ln.freed = make(chan struct{})
}

// hold makes v the one who types. False where somebody else is and does not leave: then v was told who.
func (v *viewer) hold() bool {
	late := time.NewTimer(grace)
	defer late.Stop()
	for {
		v.lines.mu.Lock()
		holder, freed := v.line.holder, v.line.freed
		if holder == nil {
			v.line.holder, v.told = v, nil
		}
		known := v.told == holder
		v.lines.mu.Unlock()
		if holder == nil || holder == v {
			return true
		}
		if known {
			return false
		}
		select {
		case <-freed:
		case <-v.left:
			return false
		case <-v.line.ended:
			return false
		case <-late.C:
			return v.refused(holder)
		}
	}
}

// refused tells v who holds the line, unless he has just left.
func (v *viewer) refused(holder *viewer) bool {
	v.lines.mu.Lock()
	defer v.lines.mu.Unlock()
	if v.line.holder == nil {
		v.line.holder = v
		return true
	}
	if v.line.holder == holder {
		v.told = holder
		v.say("the line is held by %s: what you type goes nowhere until that console is left, or hv vm console --take", holder.who)
	}
	return false
}

// say puts a line of our own between what the guest prints.
func (v *viewer) say(format string, args ...any) {
	v.interject("\r\n[hv: " + fmt.Sprintf(format, args...) + "]\r\n")
}
