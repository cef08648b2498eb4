package vm

// Verb is what somebody may ask of a VM.
type Verb string

// The verbs.
const (
	VerbStart   Verb = "start"
	VerbStop    Verb = "stop"
	VerbKill    Verb = "kill"
	VerbReboot  Verb = "reboot"
	VerbReset   Verb = "reset"
	VerbPause   Verb = "pause"
	VerbResume  Verb = "resume"
	VerbSuspend Verb = "suspend"
	VerbDelete  Verb = "delete"
	VerbEdit    Verb = "edit"
	VerbConsole Verb = "console"
)

// Verbs returns every verb.
func Verbs() []Verb {
	return []Verb{VerbStart, VerbStop, VerbKill, VerbReboot, VerbReset, VerbPause, VerbResume, VerbSuspend, VerbDelete, VerbEdit, VerbConsole}
}

// Edge reports whether v happens once and wishes no other power.
func (v Verb) Edge() bool { return v == VerbReboot || v == VerbReset }

// Verdict says whether a verb is legal in a state.
type Verdict string

// The verdicts.
const (
	Yes   Verdict = "yes"
	Done  Verdict = "already" // legal, and changes nothing
	Never Verdict = "no"
)

// legal is the one table: which verb is legal in which state. A test proves every pair is decided;
// docs/vm-states.md is made from it.
var legal = map[Verb]map[State]Verdict{
	VerbStart: {
		StateOff: Yes, StateStarting: Done, StatePrelaunch: Yes, StateRunning: Done, StatePaused: Yes,
		StateStopping: Yes, StateShutdown: Yes, StateCrashed: Yes, StateUnknown: Yes, StateSuspended: Yes,
	},
	VerbStop: {
		StateOff: Done, StateStarting: Yes, StatePrelaunch: Yes, StateRunning: Yes, StatePaused: Yes,
		StateStopping: Done, StateShutdown: Yes, StateCrashed: Yes, StateUnknown: Yes, StateSuspended: Done,
	},
	VerbKill: {
		StateOff: Done, StateStarting: Yes, StatePrelaunch: Yes, StateRunning: Yes, StatePaused: Yes,
		StateStopping: Yes, StateShutdown: Yes, StateCrashed: Yes, StateUnknown: Yes, StateSuspended: Done,
	},
	VerbReboot: {
		StateOff: Never, StateStarting: Never, StatePrelaunch: Never, StateRunning: Yes, StatePaused: Never,
		StateStopping: Never, StateShutdown: Never, StateCrashed: Never, StateUnknown: Never, StateSuspended: Never,
	},
	VerbReset: {
		StateOff: Never, StateStarting: Never, StatePrelaunch: Never, StateRunning: Yes, StatePaused: Never,
		StateStopping: Never, StateShutdown: Never, StateCrashed: Never, StateUnknown: Never, StateSuspended: Never,
	},
	VerbPause: {
		StateOff: Never, StateStarting: Yes, StatePrelaunch: Yes, StateRunning: Yes, StatePaused: Done,
		StateStopping: Never, StateShutdown: Never, StateCrashed: Never, StateUnknown: Never, StateSuspended: Never,
	},
	VerbResume: {
		StateOff: Never, StateStarting: Yes, StatePrelaunch: Yes, StateRunning: Done, StatePaused: Yes,
		StateStopping: Never, StateShutdown: Never, StateCrashed: Never, StateUnknown: Never, StateSuspended: Yes,
	},
	VerbSuspend: {
		StateOff: Never, StateStarting: Never, StatePrelaunch: Never, StateRunning: Yes, StatePaused: Yes,
		StateStopping: Never, StateShutdown: Never, StateCrashed: Never, StateUnknown: Never, StateSuspended: Done,
	},
	VerbDelete: {
		StateOff: Yes, StateStarting: Never, StatePrelaunch: Never, StateRunning: Never, StatePaused: Never,
		StateStopping: Never, StateShutdown: Never, StateCrashed: Yes, StateUnknown: Never, StateSuspended: Yes,
	},
	VerbEdit: {
		StateOff: Yes, StateStarting: Yes, StatePrelaunch: Yes, StateRunning: Yes, StatePaused: Yes,
		StateStopping: Yes, StateShutdown: Yes, StateCrashed: Yes, StateUnknown: Yes, StateSuspended: Yes,
	},
	VerbConsole: {
		StateOff: Never, StateStarting: Never, StatePrelaunch: Yes, StateRunning: Yes, StatePaused: Yes,
		StateStopping: Yes, StateShutdown: Yes, StateCrashed: Never, StateUnknown: Never, StateSuspended: Never,
	},
}

// Allowed returns the verdict on v in state s. A VM that was never seen is off.
func Allowed(v Verb, s State) Verdict {
	if s == "" {
		s = StateOff
	}
	return legal[v][s]
}

// Hint says what to do where v is not legal in s.
func Hint(v Verb, s State, name string) string {
	switch {
	case v == VerbDelete && s.Alive():
		return "hv vm stop " + name + ", or hv vm delete --force " + name
	case !s.Alive():
		return "hv vm start " + name
	case s == StatePaused || s == StatePrelaunch:
		return "hv vm resume " + name
	}
	return "hv vm show " + name
}
