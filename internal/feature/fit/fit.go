// Package fit says what a host can do of what the specification names, from its facts: for each row of the tables that
// speak of hosts, for each feature with each of its needs, and for each device that could be given to a VM.
//
// What lives here: a verdict with its reason and the remedy that fits the cause: a flag that the CPU lacks, firmware that
// has it off, a word missing on the kernel's command line and a module that is not loaded are cured differently. What does
// not: how facts are found out (host/probe), what a declaration comes to (package feature), and what the tables say
// (package catalogue).
package fit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// Answer says whether a host can.
type Answer string

// The answers, worst first. What was not asked may still be a no, and so ranks below a limit.
const (
	No       Answer = "no"
	NotAsked Answer = "not asked"
	Limited  Answer = "limited"
	Yes      Answer = "yes"
)

var answers = []Answer{No, NotAsked, Limited, Yes}

// Rank orders answers: 0 is the worst.
func (a Answer) Rank() int { return slices.Index(answers, a) }

// Verdict is an answer with its reason, and the way to yes where there is one.
type Verdict struct {
	Answer Answer `json:"answer"`
	Why    string `json:"why,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Row is the verdict on one row of a table, or on one cell of it where the column is a choice and not this host.
type Row struct {
	Table   catalogue.TableName `json:"table"`
	Row     string              `json:"row"`
	Column  string              `json:"column,omitempty"` // a backend, a hypervisor, or what of this host it rests on
	Feature catalogue.ID        `json:"feature,omitempty"`
	Verdict
	NotInBuild bool `json:"notInBuild,omitempty"` // the host's verdict stands; this build has no hands for it yet
}

// Need is the verdict on one need of a feature.
type Need struct {
	Need catalogue.Need `json:"need"`
	Name string         `json:"name"`
	Of   catalogue.ID   `json:"of,omitempty"` // the required feature whose need it is; empty: the feature's own
	Verdict
}

// Feature is the verdict on one feature.
type Feature struct {
	ID   catalogue.ID `json:"id"`
	Name string       `json:"name"`
	Verdict
	Needs      []Need `json:"needs,omitempty"`
	NotInBuild bool   `json:"notInBuild,omitempty"`
}

// Report is all that is to be said of a host. Its JSON is what --host FILE reads: the facts stand in it.
type Report struct {
	Kind     string     `json:"kind"` // "hostCheck"
	Facts    host.Facts `json:"facts"`
	Rows     []Row      `json:"rows"`
	Features []Feature  `json:"features"`
	Devices  []Device   `json:"devices,omitempty"`
}

// Check holds a host's facts against everything.
func Check(f host.Facts) Report {
	c := catalogue.Default()
	r := Report{Kind: "hostCheck", Facts: f, Devices: devices(f)}
	for _, t := range c.Tables() {
		r.Rows = append(r.Rows, rows(c, t, f)...)
	}
	r.Rows = append(r.Rows, hostRows(f)...)
	for _, ft := range c.All() {
		r.Features = append(r.Features, feature(c, ft, f))
	}
	return r
}

// Only keeps of r what plays a part in one feature.
func (r Report) Only(id catalogue.ID) Report {
	rows, devices := r.Rows, r.Devices
	r.Rows, r.Devices = nil, nil
	for _, row := range rows {
		if row.Feature == id {
			r.Rows = append(r.Rows, row)
		}
	}
	r.Features = slices.DeleteFunc(slices.Clone(r.Features), func(f Feature) bool { return f.ID != id })
	if kinds, gives := given[id]; gives {
		for _, d := range devices {
			if slices.Contains(kinds, d.Kind) {
				r.Devices = append(r.Devices, d)
			}
		}
	}
	return r
}

func yes(format string, args ...any) Verdict {
	return Verdict{Answer: Yes, Why: fmt.Sprintf(format, args...)}
}

func no(why, remedy string) Verdict       { return Verdict{No, why, remedy} }
func limited(why, remedy string) Verdict  { return Verdict{Limited, why, remedy} }
func notAsked(why, remedy string) Verdict { return Verdict{NotAsked, why, remedy} }

// askDaemon is the way to what only root or QEMU can tell.
const askDaemon = "ask the daemon: hv host check, without --host, on a host where hvd runs"

// all is the verdict on something that takes each of parts: the worst of them, with every reason that is no yes.
func all(parts ...Verdict) Verdict {
	out := Verdict{Answer: Yes}
	for _, p := range parts {
		if p.Answer.Rank() < out.Answer.Rank() {
			out.Answer = p.Answer
		}
	}
	var whys, remedies []string
	for _, p := range parts {
		// Of what is a no, only the noes are told: what else would limit it plays no part.
		if p.Answer != out.Answer && (out.Answer == No || p.Answer == Yes) || p.Why == "" {
			continue
		}
		if !slices.Contains(whys, p.Why) {
			whys = append(whys, p.Why)
		}
		if p.Remedy != "" && !slices.Contains(remedies, p.Remedy) {
			remedies = append(remedies, p.Remedy)
		}
	}
	out.Why, out.Remedy = strings.Join(whys, "; "), strings.Join(remedies, "; then ")
	return out
}

// marked is what a cell of a table says.
func marked(s catalogue.Support) Verdict {
	switch s.Mark {
	case catalogue.Full, catalogue.NoPart:
		return Verdict{Answer: Yes}
	case catalogue.Limits:
		return limited(s.Reason, s.Remedy)
	case catalogue.Nothing:
	}
	return no(s.Reason, s.Remedy)
}

// Platform is the column of the operating systems that a host stands in.
func Platform(f host.Facts) catalogue.Platform {
	if f.OS == "" || f.Arch == "" {
		return catalogue.NotAsked
	}
	arch := f.Arch
	switch arch {
	case x86:
		arch = "amd64"
	case arm:
		arch = "arm64"
	}
	return catalogue.PlatformOf(f.OS, arch)
}

// QEMU's words for the architectures that VMs are run on.
const (
	x86 = "x86_64"
	arm = "aarch64"
)
