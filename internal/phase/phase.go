// Package phase is the policy of the two phases of a host: in setup everything may change, hardened is
// a host that runs what it was given and takes nothing new.
//
// What lives here: which kinds of action each phase allows, what has to be true before a host is hardened, and
// what differs from what was sealed; in the folder recovery the key that leads out. What does not: which
// action is of which kind (the action table), and who keeps the phase (hv-helper's seal).
package phase

// Phase is one of the two.
type Phase string

// The phases.
const (
	Setup    Phase = "setup"
	Hardened Phase = "hardened"
)

// Class is a kind of action, as the phases tell them apart.
type Class string

// The classes. Those that a hardened host allows are the specification's, and Look.
const (
	Look        Class = "look"        // changes nothing
	Power       Class = "power"       // start, stop, pause, reset what exists
	Console     Class = "console"     // a guest's console or screen
	Snapshot    Class = "snapshot"    // of what exists
	Backup      Class = "backup"      // of what exists
	Restore     Class = "restore"     // to the same VM, or to a new one in quarantine
	Alert       Class = "alert"       // acknowledge, silence
	Response    Class = "response"    // what a detection sets off
	Quarantine  Class = "quarantine"  // cut a VM off
	Migrate     Class = "migrate"     // move, evacuate, restart elsewhere
	Medium      Class = "medium"      // in a drive: out, not in
	Cancel      Class = "cancel"      // of an operation
	Certificate Class = "certificate" // renew
	Narrow      Class = "narrow"      // revoke a key, lock a user, one's own password, keep a host hardened
	Unlock      Class = "unlock"      // the way out
	Harden      Class = "harden"      // the way in
	Declare     Class = "declare"     // of the sealed generation at boot; nothing else
	Configure   Class = "configure"   // all else: create, delete, edit, features, users, configuration
)

// Verdict is what a hardened host makes of a class.
type Verdict string

// The verdicts.
const (
	Yes  Verdict = "yes"
	No   Verdict = "no"
	Part Verdict = "in part" // what the class says; the action has to know that this is it
)

// rule is what a hardened host makes of a class, and what of it in words.
type rule struct {
	class   Class
	verdict Verdict
	only    string // of Part: what is allowed
}

var rules = []rule{
	{Look, Yes, ""},
	{Power, Yes, ""},
	{Console, Yes, ""},
	{Snapshot, Yes, ""},
	{Backup, Yes, ""},
	{Restore, Yes, ""},
	{Alert, Yes, ""},
	{Response, Yes, ""},
	{Quarantine, Yes, ""},
	{Migrate, Yes, ""},
	{Medium, Part, "taking a medium out"},
	{Cancel, Yes, ""},
	{Certificate, Yes, ""},
	{Narrow, Yes, ""},
	{Unlock, Yes, ""},
	{Harden, Yes, ""}, // of a host that is hardened already it says so itself
	{Declare, Part, "the sealed declaration, applied again at boot"},
	{Configure, No, ""},
}

// Classes returns all classes.
func Classes() []Class {
	out := make([]Class, len(rules))
	for i, r := range rules {
		out[i] = r.class
	}
	return out
}

// Hardened is what a hardened host makes of c. A class that nobody knows is refused.
func (c Class) Hardened() Verdict {
	r, ok := c.rule()
	if !ok {
		return No
	}
	return r.verdict
}

// Only says what of a class a hardened host allows in part.
func (c Class) Only() string {
	r, _ := c.rule()
	return r.only
}

func (c Class) rule() (rule, bool) {
	for _, r := range rules {
		if r.class == c {
			return r, true
		}
	}
	return rule{}, false
}

// Allows reports whether an action of class c may be done in phase p. within says that what is asked is the
// part that the class allows.
func (p Phase) Allows(c Class, within bool) bool {
	if p == Setup {
		return true
	}
	v := c.Hardened()
	return v == Yes || v == Part && within
}
