package catalogue

import "slices"

// Risk says how much a feature exposes. Levels are compared by Rank, never added up: a sum would
// count defences as danger.
type Risk string

// The levels, lowest first.
const (
	Minimal  Risk = "minimal"
	Low      Risk = "low"
	Moderate Risk = "moderate"
	High     Risk = "high"
	Critical Risk = "critical"
)

var risks = []Risk{Minimal, Low, Moderate, High, Critical}

// Rank orders levels: minimal is 0. An unknown level is -1.
func (r Risk) Rank() int { return slices.Index(risks, r) }

// Over reports whether r is above limit.
func (r Risk) Over(limit Risk) bool { return r.Rank() > limit.Rank() }

// WantsAcknowledgement reports whether the owner has to say why a feature of this level is worth it.
func (r Risk) WantsAcknowledgement() bool { return r.Rank() >= High.Rank() }

// Tolerance is how much risk an owner accepts for the host.
type Tolerance string

// The tolerances, strictest first.
const (
	Paranoid  Tolerance = "paranoid"
	Cautious  Tolerance = "cautious"
	Balanced  Tolerance = "balanced"
	Accepting Tolerance = "accepting"
)

// DefaultTolerance is the one of a declaration that names none.
const DefaultTolerance = Balanced

var tolerances = []struct {
	name Tolerance
	cap  Risk
}{{Paranoid, Low}, {Cautious, Moderate}, {Balanced, High}, {Accepting, Critical}}

// Tolerances returns their names, strictest first.
func Tolerances() []string {
	var names []string
	for _, t := range tolerances {
		names = append(names, string(t.name))
	}
	return names
}

// Cap returns the highest level that t allows; false for a tolerance that does not exist.
func (t Tolerance) Cap() (Risk, bool) {
	for _, known := range tolerances {
		if known.name == t {
			return known.cap, true
		}
	}
	return "", false
}

// Waives reports whether t goes without acknowledgements.
func (t Tolerance) Waives() bool { return t == Accepting }

// ToleranceFor returns the strictest tolerance that allows r.
func ToleranceFor(r Risk) Tolerance {
	for _, t := range tolerances {
		if !r.Over(t.cap) {
			return t.name
		}
	}
	return Accepting
}
