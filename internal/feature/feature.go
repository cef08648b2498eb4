// Package feature says what follows from a declaration of features: which are effective and why,
// what is refused, limited, waiting or unavailable, and how much risk the whole comes to.
//
// What lives here: the declaration's shape, the facts it is held against, and Resolve, which is pure
// and does not depend on the order of anything it is given. What does not: what a feature is and how
// two get on (package catalogue below), reading a declaration's file and its positions (config),
// asking a host for facts (host/probe), enforcing the result (action's gate).
//
// The numbered decisions that comments and findings cite are those of "reading the matrix".
package feature

import (
	"cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// Declaration is the section hypervisor.featureManager as its owner wrote it. Empty fields were not
// given.
type Declaration struct {
	Profile       string `json:"profile,omitempty"`       // minimal, balanced (default), full, custom
	RiskTolerance string `json:"riskTolerance,omitempty"` // paranoid, cautious, balanced (default), accepting
	// EnabledFeatures, where it is given, is the selection and beats the profile's set. nil is "not
	// given"; an empty list is core only.
	EnabledFeatures  *[]string `json:"enabledFeatures,omitempty"`
	ExtraFeatures    []string  `json:"extraFeatures,omitempty"`    // on, beside the profile or the list
	DisabledFeatures []string  `json:"disabledFeatures,omitempty"` // off, though the profile names them
	// ConflictScope narrows a pair: ConflictScope[a][b] is host, vm or operation.
	ConflictScope map[string]map[string]string `json:"conflictScope,omitempty"`
	// AcknowledgedRisks holds, by feature, why its high or critical risk is worth it.
	AcknowledgedRisks map[string]string `json:"acknowledgedRisks,omitempty"`
}

// section is where a Declaration stands in the whole.
const section = "hypervisor.featureManager"

// The options of a Declaration by their names there.
const (
	optProfile   = "profile"
	optTolerance = "riskTolerance"
	optEnabled   = "enabledFeatures"
	optExtra     = "extraFeatures"
	optDisabled  = "disabledFeatures"
	optScope     = "conflictScope"
	optRisks     = "acknowledgedRisks"
)

// MaxEntries is how many entries one list or map of a Declaration may hold. The catalogue is a small
// part of that.
const MaxEntries = 256

// Facts is what is known of the host. The zero value is a host that nobody asked.
type Facts struct {
	Platform catalogue.Platform           `json:"platform,omitempty"`
	Needs    map[catalogue.Need]NeedState `json:"needs,omitempty"` // a need without an entry was not asked
}

// NeedState says whether a host meets a need, and how that was seen: "nginx is not installed".
type NeedState struct {
	Met    bool   `json:"met"`
	Why    string `json:"why,omitempty"`
	Remedy string `json:"remedy,omitempty"` // what to do on this host; empty: what the catalogue says for any
}

// mend is what to do on the host that does not meet n.
func (s NeedState) mend(n catalogue.Need) string { return cmp.Or(s.Remedy, n.Remedy()) }
