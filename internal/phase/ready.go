package phase

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// The codes of what keeps a host from being hardened, and of what differs from what was sealed. They are stable.
const (
	CodeDrift    = "HV-PHASE-004" // what stands is not what was sealed
	CodeNoAdmin  = "HV-PHASE-008" // nobody could run a hardened host
	CodeListener = "HV-PHASE-009" // a network listener without TLS or a second factor
	CodeAudit    = "HV-PHASE-010" // the audit log is not whole
	CodeRefused  = "HV-PHASE-011" // the standing declaration is refused, or is not all wished for
	CodeUnderWay = "HV-PHASE-012" // something is being configured

	CodeNotPutBack = "HV-PHASE-016" // what was sealed does not stand, and the start could not put it back
)

// Listener is one way to the API over a network.
type Listener struct {
	Address      string
	TLS          bool
	SecondFactor bool
}

// Before is what is looked at before a host is hardened.
type Before struct {
	Admins    []string // who can run it afterwards
	Listeners []Listener
	Audit     string       // what is wrong with the audit log; empty where it is whole
	Standing  finding.List // of the standing declaration
	Undone    string       // what of what is declared does not stand, or is not wished for yet; empty for nothing
	UnderWay  []string     // operations that configure and have not ended: "7f3a (vm.create of vm/web)"
}

// Ready returns everything that keeps a host from being hardened, never only the first; and what was looked at
// and is as it should be, in words.
func Ready(b Before) (wrong finding.List, right []string) {
	say := func(code, what, why, remedy string) {
		wrong = append(wrong, finding.Finding{Code: code, Severity: finding.Refused, Subject: []string{"host"}, What: what, Why: why, Remedy: remedy})
	}
	if len(b.Admins) == 0 {
		say(CodeNoAdmin, "nobody could run the host once it is hardened", "neither root nor a member of the group hypervisor is known",
			"usermod -aG hypervisor NAME")
	} else {
		right = append(right, "an admin exists: "+strings.Join(b.Admins, ", "))
	}
	right = append(right, b.listeners(say)...)
	if b.Audit != "" {
		say(CodeAudit, "the audit log is not whole", b.Audit, "sudo hv audit verify says where")
	} else {
		right = append(right, "the audit log is whole")
	}
	bad := b.Standing.Of(finding.Refused)
	for _, f := range bad {
		say(CodeRefused, "the standing declaration is refused: "+f.What, f.Why, f.Remedy)
	}
	if b.Undone != "" {
		say(CodeRefused, "what is declared does not all stand", b.Undone, "let the declaration be applied whole, then again")
	}
	if len(bad) == 0 && b.Undone == "" {
		right = append(right, "nothing of the standing declaration is refused")
	}
	for _, op := range b.UnderWay {
		say(CodeUnderWay, "operation "+op+" has not ended", "what is half configured would be sealed so", "hv operation wait "+strings.Fields(op)[0])
	}
	if len(b.UnderWay) == 0 {
		right = append(right, "nothing is being configured")
	}
	return wrong, right
}

func (b Before) listeners(say func(code, what, why, remedy string)) (right []string) {
	if len(b.Listeners) == 0 {
		return []string{"there is no network listener: the API is this host's socket alone"}
	}
	for _, l := range b.Listeners {
		var lacks []string
		if !l.TLS {
			lacks = append(lacks, "TLS")
		}
		if !l.SecondFactor {
			lacks = append(lacks, "a second factor")
		}
		if len(lacks) == 0 {
			right = append(right, fmt.Sprintf("listener %s has TLS and a second factor", l.Address))
			continue
		}
		say(CodeListener, fmt.Sprintf("listener %s has no %s", l.Address, strings.Join(lacks, " and no ")),
			"whoever reaches it over the network could run the hardened host", "give it what it lacks, or close it")
	}
	return right
}

// Content is one state of a declaration. Its zero value is the state before the first.
type Content struct {
	Generation int64
	Digest     string // of what it says, without where it is written
}

// PutBackRemedy is how to get out where what was sealed is nowhere to be found.
const PutBackRemedy = "start hvd with the sealed declaration as the host's own file (--declaration FILE), or put a later snapshot of the store back; " +
	"else sudo hv phase unlock, then sudo hv config apply FILE with what is meant to stand, and sudo hv phase harden"

// NotPutBack says why the start could not make the sealed declaration stand again.
func NotPutBack(why, remedy string) finding.Finding {
	if remedy == "" {
		remedy = PutBackRemedy
	}
	return finding.Finding{
		Code: CodeNotPutBack, Severity: finding.Limited, Subject: []string{"host"}, What: "what was sealed does not stand, and was not put back at the start",
		Why: why, Remedy: remedy,
	}
}

// Drift says what of what stands is not what was sealed.
func Drift(sealed, stands Content) finding.List {
	if sealed.Digest == stands.Digest {
		return nil
	}
	return finding.List{{
		Code: CodeDrift, Severity: finding.Limited, Subject: []string{"host"},
		What: fmt.Sprintf("the standing declaration is not the sealed one: generation %d (%s) stands, generation %d (%s) was sealed",
			stands.Generation, Short(stands.Digest), sealed.Generation, Short(sealed.Digest)),
		Why:    "the store was put back or edited since the host was hardened; the host is hardened all the same",
		Remedy: "sudo hv phase unlock, then sudo hv config apply FILE with what is meant to stand, and sudo hv phase harden",
	}}
}

// Short is a digest as people compare it.
func Short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	if hex == "" {
		return "none"
	}
	return hex[:min(len(hex), 12)]
}
