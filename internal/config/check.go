package config

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The codes of findings about the host's own section. They are stable.
const (
	CodeHostName        = "HV-DECL-011" // hypervisor.host.name is no DNS label
	CodeHostDescription = "HV-DECL-012" // hypervisor.host.description is too long
)

// Report is what a declaration comes to on a host.
type Report struct {
	Resolution feature.Resolution `json:"resolution"`
	Findings   finding.List       `json:"findings"` // of features, host and VMs, worst first, each with its place
}

// Refused reports whether the declaration may not be applied.
func (r Report) Refused() bool { return r.Findings.Refuses() }

// Check holds d against a host of which f is known. All that is wrong is found; what was not asked
// of the host is held against nothing.
func Check(d Declaration, f host.Facts) Report {
	resolution := feature.Resolve(d.FeatureManager, FeatureFacts(f))
	resolution.Findings = d.Sources.place(resolution.Findings)
	var all []vm.Definition
	for _, name := range d.Names() {
		all = append(all, d.VMs[name])
	}
	found := append(finding.List{}, resolution.Findings...)
	found = append(found, d.Sources.place(checkHost(d.Host))...)
	found = append(found, d.Sources.place(checkHardening(d.Hardening))...)
	found = append(found, d.Sources.place(checkStorage(d.Storage))...)
	found = append(found, CheckVMs(all, d.Sources, f, resolution)...)
	found.Sort()
	return Report{Resolution: resolution, Findings: found}
}

// place returns a copy of l in which each finding that names a path has that path's place.
func (m SourceMap) place(l finding.List) finding.List {
	out := append(finding.List(nil), l...)
	for i := range out {
		if out[i].Path != "" && out[i].Position == (finding.Position{}) {
			out[i].Position = m.At(out[i].Path)
		}
	}
	return out
}

const maxDescription = 1024

func checkHost(h HostSection) finding.List {
	var found finding.List
	refuse := func(code, path, what, remedy string) {
		found = append(found, finding.Finding{
			Code: code, Severity: finding.Refused, Subject: []string{"host"}, Path: path, What: what, Remedy: remedy,
			Ways: []finding.Way{{{Op: finding.Unset, Path: path}}},
		})
	}
	if h.Name != "" {
		if err := model.CheckName("host name", h.Name); err != nil {
			refuse(CodeHostName, "hypervisor.host.name", err.Error(), "shorten it to letters, digits and -, or leave it out")
		}
	}
	if len(h.Description) > maxDescription {
		refuse(CodeHostDescription, "hypervisor.host.description", fmt.Sprintf("the description has %d bytes, more than %d", len(h.Description), maxDescription), "shorten it")
	}
	return found
}
