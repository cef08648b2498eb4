package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Preset is a declaration to begin with.
type Preset struct {
	ID   string // "home-lab"
	Name string // "Home Lab"
	feature.Declaration
}

// Presets are the specification's recommended configurations and the smallest one. Each comes to what is recommended,
// written so that its own check has no word on how it is written: the list is all there is, so the profile is custom (beside
// a list the recommended one selects nothing, HV-FEAT-020), and it names what its features require (HV-FEAT-018).
func Presets() []Preset {
	cat := catalogue.Default()
	var out []Preset
	for _, c := range cat.Configurations() {
		var enabled []string
		for _, id := range c.Enabled {
			for _, needed := range cat.Closure(id) {
				if f, _ := cat.Get(needed); needed != id && !f.Core && !slices.Contains(c.Enabled, needed) && !slices.Contains(enabled, string(needed)) {
					enabled = append(enabled, string(needed))
				}
			}
			enabled = append(enabled, string(id))
		}
		out = append(out, Preset{c.ID, c.Name, feature.Declaration{Profile: catalogue.ListProfile, RiskTolerance: string(c.Tolerance), EnabledFeatures: &enabled}})
	}
	return append(out, Preset{"minimal", "Minimal", feature.Declaration{Profile: "minimal", RiskTolerance: string(catalogue.Paranoid)}})
}

// Draft is a first declaration, written for somebody who goes on from it.
type Draft struct {
	File     string // as the commands in its comments call it
	For      string // "Home Lab"
	Features feature.Declaration
	VM       *vm.Definition // a first one; nil shows how one is written
}

// Nix is the draft as a file in Nix, with comments that say what each part is for.
func (d Draft) Nix() string {
	w := draftWriter{}
	w.line(0, "# What this host offers, how much risk that may be, and which VMs there are: %s.", d.For)
	w.line(0, "#")
	w.line(0, "#   hv config check %s --host self   what it comes to, before anything happens", d.File)
	w.line(0, "#   sudo hv config apply %s          makes it so: the plan first, then a question", d.File)
	w.line(0, "#   %-*s what is not as it says", len("sudo hv config apply ")+utf8.RuneCountInString(d.File)+9, "hv config status")
	w.line(0, "#")
	w.line(0, "# A line that begins with # says nothing to Hyper-NixOS. hv help declaration has more.")
	w.line(0, "{")
	w.features(d.Features)
	w.line(0, "")
	w.vm(d.VM)
	w.line(0, "}")
	return w.String()
}

type draftWriter struct{ strings.Builder }

func (w *draftWriter) line(depth int, format string, args ...any) {
	w.WriteString(strings.TrimRight(strings.Repeat("  ", depth)+fmt.Sprintf(format, args...), " ") + "\n")
}

func (w *draftWriter) features(f feature.Declaration) {
	w.line(1, "hypervisor.featureManager = {")
	w.line(2, "# A named selection of features: minimal, balanced, full, or custom, for which the list below is everything.")
	w.line(2, "profile = %s;", nixText(f.Profile))
	w.line(0, "")
	w.line(2, "# The highest risk that one feature may have: paranoid up to low, cautious up to moderate, balanced up to high.")
	w.line(2, "# With accepting there is no limit, and nothing has to be acknowledged.")
	w.line(2, "riskTolerance = %s;", nixText(f.RiskTolerance))
	if f.EnabledFeatures != nil {
		w.line(0, "")
		w.line(2, "# The features, instead of the profile's. hv feature list has them all, hv feature explain ID says why.")
		w.list("enabledFeatures", *f.EnabledFeatures)
	}
	if len(f.ExtraFeatures) > 0 {
		w.line(0, "")
		w.line(2, "# Beside the profile's.")
		w.list("extraFeatures", f.ExtraFeatures)
	}
	if len(f.DisabledFeatures) > 0 {
		w.line(0, "")
		w.line(2, "# Out of the profile's.")
		w.list("disabledFeatures", f.DisabledFeatures)
	}
	if len(f.AcknowledgedRisks) > 0 {
		w.line(0, "")
		w.line(2, "# Why a high risk is worth it.")
		for _, id := range slices.Sorted(maps.Keys(f.AcknowledgedRisks)) {
			w.line(2, "acknowledgedRisks.%s = %s;", quoteKey(id), leafText(f.AcknowledgedRisks[id]))
		}
	}
	w.line(1, "};")
}

// list writes names of features, each with what it does.
func (w *draftWriter) list(name string, ids []string) {
	w.line(2, "%s = [", name)
	for _, id := range ids {
		about := ""
		if f, _, err := catalogue.Lookup(id); err == nil {
			about = " # " + strings.ReplaceAll(f.On, "\n", " ")
		}
		w.line(3, "%s%s", nixText(id), about)
	}
	w.line(2, "];")
}

// vm writes the first VM, or as a comment how one is written.
func (w *draftWriter) vm(d *vm.Definition) {
	w.line(1, "# The VMs of this host, by name. One that stands here is edited here only; one that is taken out is stopped,")
	w.line(1, "# and its disks are kept. Every key: hv help declaration, docs/run-vms.md.")
	before, name, cpus, memory, power := "# ", "web", 2, "2GiB", "off"
	if d != nil {
		before, name, cpus, memory, power = "", d.Name, d.CPUs, d.Memory.String(), string(d.Power)
	}
	say := func(depth int, format string, args ...any) {
		w.line(1, "%s", before+strings.Repeat("  ", depth)+fmt.Sprintf(format, args...))
	}
	say(0, "hypervisor.vms.%s = {", quoteKey(name))
	say(1, "cpus = %d;", cpus)
	say(1, "memory = %s; # a multiple of 1MiB", nixText(memory))
	say(1, "nics.lan.network = \"user\"; # reaches out by NAT, and needs nothing set up")
	if d == nil {
		say(1, "disks.root.volume = \"%s-root\"; # made before: hv volume create %s-root --size 10GiB", name, name)
	} else {
		w.line(2, "# A disk, once there is a volume for it: hv volume create %s-root --size 10GiB", name)
		w.line(2, "# disks.root.volume = \"%s-root\";", name)
	}
	say(1, "power = %s; # \"on\" starts it", nixText(power))
	say(0, "};")
}
