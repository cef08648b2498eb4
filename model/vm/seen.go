package vm

// Seen is what was found out about one VM's process just now: asked of the kernel and of QEMU, never
// remembered.
type Seen struct {
	Process *Process // the living process; nil for none
	// RunState is QEMU's own word (RunState in its QMP schema): "prelaunch", "running", "paused",
	// "shutdown", "guest-panicked", … Empty when QEMU could not be asked.
	RunState string
	// Silent says why a living process could not be asked; what cannot be seen is not touched.
	Silent string
	// Shutdown is why QEMU is in run state "shutdown", in its own word ("guest-shutdown", "guest-reset"); empty where
	// nobody listened when it said so.
	Shutdown string
	// Leftover says that a process is gone and its sockets, cgroup or passt are not.
	Leftover bool
	// Exit is how a process that is gone ended, where its parent could still tell.
	Exit string
	// Words are the last lines of QEMU's stderr, at most 2 KiB.
	Words string
	// Left are the devices, by QEMU's ids, that the guest has let go of.
	Left []string
	// Resets are the resets that were seen since the daemon began, over all of the VM's processes; nil where
	// nobody could have seen them.
	Resets *Resets
	// Moving is how far QEMU is with writing or reading the guest's memory; nil where it never was told to.
	Moving *Moving
	// Cut are the network cards that have no network now, by name, and why.
	Cut map[string]string
	// LostShares are the tags of shares behind which nothing is any more, and why: a guest hangs that asks for a file there.
	LostShares map[string]string
}

// Living is a VM's process as hv-helper keeps it.
type Living struct {
	Name string // that the VM had when it was started
	PID  int
}

// StateOf translates QEMU's run state. stopping says that the guest was asked to power off.
func StateOf(s Seen, stopping bool) State {
	if s.Process == nil {
		return StateOff
	}
	switch s.RunState {
	case "":
		return StateUnknown
	case "inmigrate": // its saved memory is being read
		return StateStarting
	case "prelaunch":
		return StatePrelaunch
	case "shutdown":
		return StateShutdown
	case "guest-panicked", "internal-error":
		return StateCrashed
	case "running":
		if stopping {
			return StateStopping
		}
		return StateRunning
	}
	return StatePaused // paused, io-error, watchdog, suspended, postmigrate, …: its vCPUs do not run
}

// RunState is the word of QEMU that StateOf reads as s, with a guest that is asked to power off where
// s is stopping; empty where there is no QEMU to say one.
func (s State) RunState() string {
	switch s {
	case StateStarting, StatePrelaunch:
		return "prelaunch"
	case StateRunning, StateStopping:
		return "running"
	case StatePaused:
		return "paused"
	case StateShutdown:
		return "shutdown"
	case StateOff, StateCrashed, StateUnknown, StateSuspended:
	}
	return ""
}
