package catalogue

import "slices"

// Phase is how far a host is open to change.
type Phase string

// The phases. A host starts in setup.
const (
	SetupPhase    Phase = "setup"
	HardenedPhase Phase = "hardened"
)

// Deed is a kind of thing that may be asked of a host. Package phase, which enforces them, has a class of the same
// name for each; a test of the action table's compares the two.
type Deed string

// The kinds. What each phase says of them stands in the lines below.
const (
	DeedLook        Deed = "look"        // at anything that one may look at
	DeedPower       Deed = "power"       // start, stop, reset, pause what exists
	DeedConsole     Deed = "console"     // a guest's console or screen
	DeedSnapshot    Deed = "snapshot"    // of what exists
	DeedMigrate     Deed = "migrate"     // move, evacuate, restart elsewhere
	DeedMedium      Deed = "medium"      // out of a drive; in is configuration
	DeedCancel      Deed = "cancel"      // an operation
	DeedBackup      Deed = "backup"      // of what exists
	DeedRestore     Deed = "restore"     // to the same VM, or to a new one in quarantine
	DeedAlert       Deed = "alert"       // acknowledge, silence
	DeedResponse    Deed = "response"    // what a detection sets off
	DeedQuarantine  Deed = "quarantine"  // cut a VM off
	DeedCertificate Deed = "certificate" // renew
	DeedNarrow      Deed = "narrow"      // revoke a key, lock a user, one's own password
	DeedDeclare     Deed = "declare"     // the sealed declaration, applied again at boot
	DeedHarden      Deed = "harden"      // enter the hardened phase
	DeedUnlock      Deed = "unlock"      // leave it: with the recovery key, after a delay
	DeedConfigure   Deed = "configure"   // create, delete, edit; apply a declaration
	DeedUsers       Deed = "users"       // add users, give rights; a part of configure where it is enforced
	DeedFeatures    Deed = "features"    // features on or off; the same
)

// PhaseLine is a line of a phase's list, with the kinds of deeds that it decides.
type PhaseLine struct {
	Line
	Deeds []Deed `json:"deeds,omitempty"`
}

// PhaseTable is a phase with each of its lines.
type PhaseTable struct {
	ID    Phase       `json:"id"`
	Name  string      `json:"name"` // "Hardened Phase (Restrictive)"
	Lines []PhaseLine `json:"lines"`
}

// Allows reports whether d may be done in the phase, and the line that decides it.
func (p PhaseTable) Allows(d Deed) (allowed bool, by PhaseLine) {
	i := slices.IndexFunc(p.Lines, func(l PhaseLine) bool { return slices.Contains(l.Deeds, d) })
	if i < 0 {
		return false, PhaseLine{}
	}
	return p.Lines[i].Mark != Nothing, p.Lines[i]
}

// Deeds returns every kind of deed, each once, in the order of the hardened phase's lines.
func (c *Catalogue) Deeds() []Deed {
	var out []Deed
	p, _ := c.Phase(HardenedPhase)
	for _, l := range p.Lines {
		out = append(out, l.Deeds...)
	}
	return out
}

// Phases returns both phases, setup first.
func (c *Catalogue) Phases() []PhaseTable { return slices.Clone(c.phases) }

// Phase returns the phase of that id.
func (c *Catalogue) Phase(id Phase) (PhaseTable, bool) {
	i := slices.IndexFunc(c.phases, func(p PhaseTable) bool { return p.ID == id })
	if i < 0 {
		return PhaseTable{}, false
	}
	return c.phases[i], true
}

// Allows is PhaseTable.Allows in this build's catalogue.
func Allows(p Phase, d Deed) bool {
	t, _ := Default().Phase(p)
	ok, _ := t.Allows(d)
	return ok
}

const unlockFirst = "leave the hardened phase first: hv phase unlock, with the recovery key"

var (
	running     = []Deed{DeedLook, DeedPower, DeedConsole, DeedSnapshot, DeedMigrate, DeedMedium, DeedCancel}
	watching    = []Deed{DeedAlert, DeedResponse, DeedQuarantine, DeedNarrow, DeedCertificate, DeedDeclare, DeedHarden, DeedUnlock}
	saving      = []Deed{DeedBackup, DeedRestore}
	configuring = []Deed{DeedConfigure}
	people      = []Deed{DeedUsers}
	adding      = []Deed{DeedFeatures}
)

var phases = []PhaseTable{
	{ID: SetupPhase, Name: "Setup Phase (Permissive)", Lines: []PhaseLine{
		{Line{yes, "All features available"}, slices.Concat(running, saving, adding)},
		{Line{yes, "Configuration changes allowed"}, configuring},
		{Line{yes, "User modifications permitted"}, people},
		{Line{partly("in setup detections are recorded and their responses are held back, so that they do not act on what is still being built; authorisation, quotas and firewall enforce as always",
			"harden the host once it is set up: hv phase harden"), "Security monitoring active but not enforcing"}, watching},
	}},
	{ID: HardenedPhase, Name: "Hardened Phase (Restrictive)", Lines: []PhaseLine{
		{Line{yes, "VM operations"}, running},
		{Line{yes, "Monitoring and alerting"}, watching},
		{Line{yes, "Backup operations"}, saving},
		{Line{never("a hardened host runs what was sealed: nothing is created, edited or deleted, and no declaration is applied", unlockFirst), "System configuration changes"}, configuring},
		{Line{never("who may do what was sealed with the host; rights are only ever narrowed", unlockFirst), "User modifications"}, people},
		{Line{never("a feature that goes on opens what was judged closed, and one that goes off takes a defence away", unlockFirst), "Feature additions"}, adding},
	}},
}
