package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	api "github.com/hyper-nixos/hyper-nixos/wire"
)

// SeenVM is a VM as it is wished, and as it was seen last.
type SeenVM struct {
	Object vm.Object
	Power  vm.PowerStatus
}

// Drift says where VMs are not as d declares them, sorted by name. What d says nothing of is no drift: the power
// of a VM that it does not name is its owner's to switch. One that was declared once and is kept is drift as long as
// it is to be off and runs: what took it out of the declaration stopped it.
func Drift(d Declaration, seen map[string]SeenVM) []api.Drift {
	out := []api.Drift{}
	names := slices.Collect(maps.Keys(d.VMs))
	for name, s := range seen {
		if _, declared := d.VMs[name]; !declared && (s.Object.Origin == model.Declared || s.Object.Origin == model.Released) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s, there := seen[name]
		def, declared := d.VMs[name]
		switch {
		case !declared && s.Object.Origin == model.Released: // its owner's, who may have switched it on
			out = append(out, stillRuns(s)...)
		case !declared:
			out = append(out, api.Drift{VM: name, Kind: api.DriftLeft, What: "it is declared no more, and was not let go of yet", Remedy: "apply the declaration again"})
		case !there:
			out = append(out, api.Drift{VM: name, Kind: api.DriftMissing, What: "it is declared, and is not there", Remedy: "apply the declaration again"})
		case s.Object.Origin != model.Declared:
			out = append(out, api.Drift{VM: name, Kind: api.DriftForeign, What: "one of its name is there that the declaration does not own (" + string(s.Object.Origin) + ")", Remedy: "apply the declaration again, and it says what is in the way"})
		default:
			out = append(out, drift(def, s)...)
		}
	}
	return out
}

func drift(def vm.Definition, s SeenVM) []api.Drift {
	var out []api.Drift
	o, again := s.Object, "apply the declaration again"
	want, _ := Kept(o, def).Settled()
	for _, path := range vm.Diff(o.Spec, want.Spec) {
		one := api.Drift{VM: o.Name, Kind: api.DriftDiffers, Path: path, What: path + " is another than is declared", Remedy: again}
		if path == "power" {
			one.What = fmt.Sprintf("its power is declared %s, and was switched %s", want.Power, cmp.Or(o.Spec.Power, vm.Off))
		}
		out = append(out, one)
	}
	if !maps.Equal(o.Labels, def.Labels) {
		out = append(out, api.Drift{VM: o.Name, Kind: api.DriftDiffers, Path: "labels", What: "its labels are others than are declared", Remedy: again})
	}
	for _, path := range s.Power.Pending {
		out = append(out, api.Drift{
			VM: o.Name, Kind: api.DriftPending, Path: path, What: "it runs with " + path + " as it was before", Why: s.Power.PendingWhy[path],
			Remedy: "hv vm reboot " + o.Name,
		})
	}
	full, _ := vm.Effective(o.Spec, "")
	if state := cmp.Or(s.Power.State, vm.StateOff); full.Power == vm.On && (state == vm.StateOff || state == vm.StateCrashed) {
		out = append(out, api.Drift{VM: o.Name, Kind: api.DriftPower, Path: "power", What: "it is to be on, and is " + string(state), Why: whyNot(s.Power), Remedy: "hv vm start " + o.Name})
	}
	return append(out, stillRuns(s)...)
}

// stillRuns is the drift of a VM that is to be off and has a process: its guest has not powered off, or not yet.
func stillRuns(s SeenVM) []api.Drift {
	full, _ := vm.Effective(s.Object.Spec, "")
	if full.Power != vm.Off || !s.Power.State.Alive() {
		return nil
	}
	name := s.Object.Name
	return []api.Drift{{
		VM: name, Kind: api.DriftPower, Path: "power", What: "it is to be off, and is " + string(s.Power.State), Why: whyNot(s.Power),
		Remedy: "power its guest off from within, or hv vm kill " + name,
	}}
}

func whyNot(p vm.PowerStatus) string {
	if p.Problem != nil {
		return p.Problem.What
	}
	return p.Reason
}

// Kept is def as it is stored in place of o: the UUID stays, and power where the declaration says nothing of it
// is the owner's to switch. Volumes that it wishes made are still wished for in it.
func Kept(o vm.Object, def vm.Definition) vm.Definition {
	def.Spec = def.Clone()
	if def.UUID == "" {
		def.UUID = o.Spec.UUID
	}
	if def.Power == "" {
		def.Power = o.Spec.Power
	}
	return def
}
