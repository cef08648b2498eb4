package fakeqemu

// Guest is how the guest behaves.
type Guest string

// Guests. They do what they do whenever the machine begins to run after a start or a reset.
const (
	Obeys      Guest = "obeys"       // powers off when its power button is pressed
	Idle       Guest = "idle"        // does nothing, and ignores its power button
	PowersOff  Guest = "powers-off"  // powers off at once
	Panics     Guest = "panics"      // panics at once
	ResetsOnce Guest = "resets-once" // resets itself once
)

// cont makes the machine run; false if it needs a reset first.
func (q *QEMU) cont() bool {
	switch q.state {
	case "shutdown":
		return false
	case "running":
		return true
	case "inmigrate":
		q.move.autostart = true
		return true
	}
	q.state = "running"
	q.emit("RESUME", nil)
	q.after = append(q.after, q.boot)
	return true
}

func (q *QEMU) stop() {
	if q.state == "running" {
		q.state = "paused"
		q.emit("STOP", nil)
	}
}

// reset resets the machine. One that does not run is as before its first start.
func (q *QEMU) reset(byGuest bool, reason string) {
	if q.o.Reboot && q.state == "running" {
		q.shutdown(byGuest, reason)
		return
	}
	q.emit("RESET", map[string]any{"guest": byGuest, "reason": reason})
	q.booted = false
	if q.state == "inmigrate" {
		return
	}
	if q.state != "running" {
		q.state = "prelaunch"
		return
	}
	q.after = append(q.after, q.boot)
}

func (q *QEMU) powerdown() {
	q.emit("POWERDOWN", nil)
	if q.o.Guest == Obeys && q.booted {
		q.after = append(q.after, q.whenRunning(q.guestPowersOff))
	}
}

// boot is the guest's first moment.
func (q *QEMU) boot() {
	if q.booted || q.state != "running" {
		return
	}
	q.booted = true
	q.write("up\n")
	switch q.o.Guest {
	case Obeys, Idle:
	case PowersOff:
		q.guestPowersOff()
	case Panics:
		q.guestPanics()
	case ResetsOnce:
		if !q.wasReset {
			q.wasReset = true
			q.guestResets()
		}
	}
}

func (q *QEMU) guestPowersOff() { q.shutdown(true, "guest-shutdown") }

func (q *QEMU) shutdown(byGuest bool, reason string) {
	q.emit("SHUTDOWN", map[string]any{"guest": byGuest, "reason": reason})
	if q.o.Exit {
		q.exit(0)
		return
	}
	q.emit("STOP", nil)
	q.state = "shutdown"
}

func (q *QEMU) guestResets() { q.reset(true, "guest-reset") }

func (q *QEMU) guestPanics() {
	if q.o.Exit {
		q.emit("GUEST_PANICKED", map[string]any{"action": "poweroff"})
		q.emit("SHUTDOWN", map[string]any{"guest": true, "reason": "guest-panic"})
		q.exit(0)
		return
	}
	q.emit("GUEST_PANICKED", map[string]any{"action": "pause"})
	q.emit("STOP", nil)
	q.state = "guest-panicked"
}

// quit is the end by command or by signal.
func (q *QEMU) quit(reason string) {
	q.emit("SHUTDOWN", map[string]any{"guest": false, "reason": reason})
	q.after = append(q.after, func() { q.exit(0) })
}
