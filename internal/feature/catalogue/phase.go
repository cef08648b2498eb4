package catalogue

import "slices"

// Phase is how far a host is open to change.
type Phase string

// The phases. A host starts in setup.
const (
	SetupPhase    Phase = "setup"
	HardenedPhase Phase = "hardened"
)

// Deed is a kind of thing that may be asked of a host. Every action is of one kind, and the phases speak of kinds.
type Deed string

// The kinds. What each phase says of them stands in the phases below, and nowhere else.
const (
	DeedRead        Deed = "read"             // look at anything that one may look at
	DeedPower       Deed = "power"            // start, stop, reset, pause, suspend
	DeedConsole     Deed = "console"          // the guest's consoles and screens
	DeedSnapshot    Deed = "snapshot"         // take one
	DeedMove        Deed = "move"             // migrate, evacuate, restart elsewhere
	DeedEject       Deed = "eject"            // take a medium out of a drive
	DeedCancel      Deed = "cancel"           // cancel an operation
	DeedBackup      Deed = "backup"           // take a backup
	DeedRestore     Deed = "restore"          // to the same VM, or to a new one in quarantine
	DeedAlert       Deed = "alert"            // alerts and their acknowledgement
	DeedRespond     Deed = "respond"          // a detection's response, quarantine
	DeedRenew       Deed = "renewCertificate" // a certificate for the same names
	DeedNarrow      Deed = "narrow"           // revoke a key, lock a user, one's own password
	DeedReapply     Deed = "reapply"          // the sealed generation, at boot
	DeedHarden      Deed = "harden"           // enter the hardened phase
	DeedUnlock      Deed = "unlock"           // leave it: with the recovery key, after a delay
	DeedCreate      Deed = "create"           // VMs, volumes, networks
	DeedDelete      Deed = "delete"           // the same
	DeedEdit        Deed = "edit"             // the same, another medium included
	DeedConfigure   Deed = "configure"        // apply a declaration, settings of the host
	DeedUsers       Deed = "users"            // add users, give rights
	DeedFeatures    Deed = "features"         // features on or off
	DeedAcknowledge Deed = "acknowledge"      // accept a risk
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
	running     = []Deed{DeedRead, DeedPower, DeedConsole, DeedSnapshot, DeedMove, DeedEject, DeedCancel}
	watching    = []Deed{DeedAlert, DeedRespond, DeedNarrow, DeedRenew, DeedReapply, DeedHarden, DeedUnlock}
	saving      = []Deed{DeedBackup, DeedRestore}
	configuring = []Deed{DeedConfigure, DeedCreate, DeedEdit, DeedDelete}
	people      = []Deed{DeedUsers}
	adding      = []Deed{DeedFeatures, DeedAcknowledge}
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
