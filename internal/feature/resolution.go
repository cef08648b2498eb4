package feature

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// State is how far an effective feature has come on this host.
type State string

// The states, best first.
const (
	On          State = "on"
	Waiting     State = "waiting"     // a need of the host is not met yet
	Unavailable State = "unavailable" // this build or this platform has no hands for it
)

// Resolution is what a declaration comes to on a host. It shares nothing with the Declaration's
// lists except Declaration itself.
type Resolution struct {
	Declaration   Declaration         `json:"declaration"`   // as it was given
	Profile       string              `json:"profile"`       // as it was understood, default filled in
	RiskTolerance catalogue.Tolerance `json:"riskTolerance"` // the same
	Effective     []Effective         `json:"effective"`     // in the catalogue's order, core first
	LeftOut       []LeftOut           `json:"leftOut,omitempty"`
	Findings      finding.List        `json:"findings,omitempty"` // worst first
	Risk          TotalRisk           `json:"risk"`

	cat *catalogue.Catalogue
}

// Effective is a feature that the declaration comes to, with what it needs and why it is there.
type Effective struct {
	ID       catalogue.ID     `json:"id"`
	State    State            `json:"state"`
	Why      []Reason         `json:"why"`
	Held     []string         `json:"held,omitempty"`     // why it is not on: "not in this build", "nginx"
	NotAsked []catalogue.Need `json:"notAsked,omitempty"` // needs that no fact speaks of
}

// ReasonKind says by what a feature came in.
type ReasonKind string

// The reasons.
const (
	IsCore      ReasonKind = "core"
	Selected    ReasonKind = "selected"
	FromProfile ReasonKind = "from profile"
	RequiredBy  ReasonKind = "required by"
)

// Reason is one link in the chain of why a feature is effective.
type Reason struct {
	Kind ReasonKind `json:"kind"`
	By   string     `json:"by,omitempty"` // the option, the profile or the feature
}

func (r Reason) String() string {
	switch r.Kind {
	case Selected:
		return "selected in " + r.By
	case FromProfile, RequiredBy:
		return string(r.Kind) + " " + r.By
	case IsCore:
	}
	return string(r.Kind)
}

// LeftOut is a member of the profile that is not effective.
type LeftOut struct {
	ID  catalogue.ID `json:"id"`
	Why string       `json:"why"`
}

// TotalRisk is the risk of the whole: the highest level, never a sum.
type TotalRisk struct {
	Level        catalogue.Risk `json:"level"` // of all that is effective, on or not yet
	Now          catalogue.Risk `json:"now"`   // of what is on
	Contributors []Contributor  `json:"contributors,omitempty"`
}

// Contributor is a feature at the highest level.
type Contributor struct {
	ID           catalogue.ID `json:"id"`
	State        State        `json:"state"`
	Exposes      string       `json:"exposes,omitempty"`
	Mitigations  []string     `json:"mitigations,omitempty"`
	Acknowledged string       `json:"acknowledged,omitempty"` // the owner's reason
}

// Refused reports whether the declaration may not be applied.
func (r Resolution) Refused() bool { return r.Findings.Refuses() }

// Lookup returns the effective feature of that id; false where it is not effective.
func (r Resolution) Lookup(id catalogue.ID) (Effective, bool) {
	i := slices.IndexFunc(r.Effective, func(e Effective) bool { return e.ID == id })
	if i < 0 {
		return Effective{}, false
	}
	return r.Effective[i], true
}

// StateOf is the state of a feature in one word: that of Effective, or off.
func (r Resolution) StateOf(id catalogue.ID) string {
	if e, ok := r.Lookup(id); ok {
		return string(e.State)
	}
	return "off"
}

// Words says of each contributor what it exposes and what mitigates that.
func (t TotalRisk) Words() []string {
	var out []string
	for _, c := range t.Contributors {
		text := string(c.ID)
		if c.Exposes != "" {
			text += ": " + c.Exposes
		}
		for _, m := range c.Mitigations {
			text += "; mitigation: " + m
		}
		out = append(out, text)
	}
	return out
}

// On reports whether the feature of that name, an id or an older name, is on. Of a refused
// declaration only core is ever on.
func (r Resolution) On(name string) bool {
	f, _, err := r.catalogue().Lookup(name)
	if err != nil || (r.Refused() && !f.Core) {
		return false
	}
	e, ok := r.Lookup(f.ID)
	return ok && e.State == On
}

// catalogue is this build's one for a Resolution that was not made by Resolve.
func (r Resolution) catalogue() *catalogue.Catalogue {
	if r.cat == nil {
		return catalogue.Default()
	}
	return r.cat
}
