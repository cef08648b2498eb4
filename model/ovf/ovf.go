// Package ovf holds the words of OVF, in which appliances of other platforms come and go: what a descriptor says of a machine, as
// a VM of ours, and a VM of ours as a descriptor; the manifest beside it; and the archive (OVA) that holds all.
//
// What lives here: reading, which is bounded and names no file outside, writing, and the mapping with all that is lost by it.
// What does not: the disks' content (images are checked by what they hold, by the daemon) and who sends them (internal/cli).
//
// Source: DMTF DSP0243 1.1.1 and 2.1.1, DSP0004 for units, CIM_ResourceAllocationSettingData for types of resources; what
// VMware and VirtualBox write beyond it: vmw:Config, vbox:Machine.
package ovf

import (
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Bounds of what is read.
const (
	MaxDescriptor = 1 << 20
	MaxManifest   = 64 << 10
	MaxFiles      = 64
	maxDepth      = 64
	maxText       = 200
)

// The codes of what is said of an appliance.
const (
	CodeDescriptor = "HV-OVF-001" // no descriptor that can be read
	CodeArchive    = "HV-OVF-002" // no archive that can be read
	CodeSum        = "HV-OVF-003" // a file is not what the manifest says
	CodeElsewhere  = "HV-OVF-004" // content that is elsewhere, or in parts
	CodeChanged    = "HV-OVF-005" // hardware that becomes another
	CodeLeft       = "HV-OVF-006" // what is left out
	CodeSeveral    = "HV-OVF-007" // more than one machine
	CodeRuns       = "HV-OVF-008" // a VM that runs is not exported
	CodeTaken      = "HV-OVF-009" // there is an image of the name that a disk is to have
)

// Appliance is what a descriptor says.
type Appliance struct {
	Name       string
	OS         string
	CPUs       int
	Cores      int // of each socket; 0 is not said
	Memory     model.Bytes
	Firmware   vm.Firmware // empty is not said
	SecureBoot bool
	Disks      []Disk
	NICs       []NIC
	CDROMs     int
	Files      []string     // all that it refers to
	Findings   finding.List // what becomes another, and what is left out
}

// Disk is a disk of an appliance.
type Disk struct {
	Name     string      // empty is not said
	File     string      // beside the descriptor; empty for a disk that is empty
	Capacity model.Bytes // 0 is not said
	Bus      string      // as in vm.Disk
}

// NIC is a network card of one.
type NIC struct {
	Name  string // empty is not said
	Model string // as in vm.NIC
}

// Refused returns what stands in the way, of all that was found; nil where nothing does.
func (a Appliance) Refused() error {
	if !a.Findings.Refuses() {
		return nil
	}
	return fault.New(fault.Invalid, "this appliance cannot become a VM").Because(finding.Refusal{Findings: a.Findings})
}

func (a *Appliance) say(s finding.Severity, code, remedy, why, what string) {
	a.Findings = append(a.Findings, finding.Finding{Code: code, Severity: s, What: what, Why: why, Remedy: remedy})
}

func (a *Appliance) refuse(code, remedy, what string) { a.say(finding.Refused, code, remedy, "", what) }
func (a *Appliance) limit(code, remedy, what string)  { a.say(finding.Limited, code, remedy, "", what) }
