package feature

import "github.com/hyper-nixos/hyper-nixos/internal/finding"

// The codes of this room's findings. A code never changes its meaning and is never used again.
const (
	codeUnknown      = "HV-FEAT-001"
	codeProfile      = "HV-FEAT-002"
	codeTolerance    = "HV-FEAT-003"
	codeNoList       = "HV-FEAT-004"
	codeTooMany      = "HV-FEAT-005"
	codeOlderName    = "HV-FEAT-006"
	codeTwice        = "HV-FEAT-007"
	codeOnAndOff     = "HV-FEAT-008"
	codeCoreOff      = "HV-FEAT-009"
	codeInUse        = "HV-FEAT-010"
	codeNoEffect     = "HV-FEAT-011"
	codeOverCap      = "HV-FEAT-012"
	codeRequiredOver = "HV-FEAT-013"
	codeUnaccepted   = "HV-FEAT-014"
	codeConflict     = "HV-FEAT-015"
	codeScope        = "HV-FEAT-016"
	codeNarrowed     = "HV-FEAT-017"
	codeAdded        = "HV-FEAT-018"
	codeLeftOut      = "HV-FEAT-019"
	codeUnused       = "HV-FEAT-020"
	codeLimited      = "HV-FEAT-021"
	codeNotOnOneVM   = "HV-FEAT-022"
	codePlatformPart = "HV-FEAT-023"
	codePlatform     = "HV-FEAT-024"
	codeNoPlatform   = "HV-FEAT-025"
	codeNotInBuild   = "HV-FEAT-026"
	codeWaiting      = "HV-FEAT-027"
	codeNotAsked     = "HV-FEAT-028"
	codeWarning      = "HV-FEAT-029"
	codeOff          = "HV-FEAT-030"
	codeHeldBack     = "HV-FEAT-031"
	codeHeldUp       = "HV-FEAT-032"
	codeStillUsed    = "HV-FEAT-033"
)

// Code documents one code.
type Code struct {
	Code     string
	Severity finding.Severity
	Means    string
	Edits    Edits
}

// Edits says whether an edit of the declaration alone takes a finding away: whether it has ways.
type Edits string

// What there is to say of that.
const (
	ByEdit    Edits = "yes"
	NotOfCore Edits = "yes, but where it is about core, which no edit turns off"
	IfAlone   Edits = "yes, but where the declaration is refused for something else, which comes first"
	ByHost    Edits = "no: it is about the host"
	ByOwner   Edits = "no: what is meant is its owner's to say"
)

// Codes returns every code that this room's findings may carry, in order.
func Codes() []Code {
	return []Code{
		{codeUnknown, finding.Refused, "a name that is no feature", ByEdit},
		{codeProfile, finding.Refused, "a profile that does not exist", ByEdit},
		{codeTolerance, finding.Refused, "a risk tolerance that does not exist", ByEdit},
		{codeNoList, finding.Refused, "profile custom without enabledFeatures", ByEdit},
		{codeTooMany, finding.Refused, "a list or map with more entries than are read", ByEdit},
		{codeOlderName, finding.Advice, "an older name of a feature", ByEdit},
		{codeTwice, finding.Advice, "a feature that is named more than once", ByEdit},
		{codeOnAndOff, finding.Refused, "a feature that is named on and off", ByEdit},
		{codeCoreOff, finding.Refused, "a core feature in disabledFeatures", ByEdit},
		{codeInUse, finding.Refused, "a feature in disabledFeatures that others use", ByEdit},
		{codeNoEffect, finding.Advice, "an entry that changes nothing", ByEdit},
		{codeOverCap, finding.Refused, "a named feature above the risk tolerance", ByEdit},
		{codeRequiredOver, finding.Refused, "a named feature that requires one above the risk tolerance", ByEdit},
		{codeUnaccepted, finding.Refused, "a high or critical risk without acknowledgedRisks", ByEdit},
		{codeConflict, finding.Refused, "two named features that conflict on one host", ByEdit},
		{codeScope, finding.Refused, "a conflictScope that cannot be", ByEdit},
		{codeNarrowed, finding.Consequence, "what a narrowed conflict adds", ByEdit},
		{codeAdded, finding.Consequence, "a requirement that was added", ByEdit},
		{codeLeftOut, finding.Consequence, "a member of the profile that was left out", ByEdit},
		{codeUnused, finding.Advice, "a profile that enabledFeatures beats", ByEdit},
		{codeLimited, finding.Limited, "two features that limit each other", ByEdit},
		{codeNotOnOneVM, finding.Limited, "two features that no single VM can use together", ByEdit},
		{codePlatformPart, finding.Limited, "a feature that this platform has in part", NotOfCore},
		{codePlatform, finding.Refused, "a named feature that this platform lacks", ByEdit},
		{codeNoPlatform, finding.Unavailable, "what a platform without VMs cannot offer", ByHost},
		{codeNotInBuild, finding.Unavailable, "a feature that this build has no hands for", NotOfCore},
		{codeWaiting, finding.Waiting, "a need that the host does not meet yet", NotOfCore},
		{codeNotAsked, finding.Advice, "needs that no fact speaks of", ByHost},
		{codeWarning, finding.Limited, "a feature that comes with a warning", ByEdit},
		{codeOff, finding.Refused, "an action of a feature that is not declared", IfAlone},
		{codeHeldBack, finding.Unavailable, "a feature that requires one which is unavailable", NotOfCore},
		{codeHeldUp, finding.Waiting, "a feature that requires one which is waiting", NotOfCore},
		{codeStillUsed, finding.Refused, "a feature that goes off and that VMs or other objects use", ByEdit},
	}
}
