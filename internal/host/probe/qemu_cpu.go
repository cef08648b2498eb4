package probe

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// cpuModels is what a guest may be shown. QEMU is asked without KVM, so what it lacks is what cannot be emulated;
// "host" is no model of its own: it is the host.
func cpuModels(said []qmp.CPUModel) []host.CPUModel {
	var out []host.CPUModel
	for _, m := range said {
		if m.Name == "host" {
			continue
		}
		slices.Sort(m.Unavailable)
		out = append(out, host.CPUModel{Name: m.Name, Lacks: slices.Compact(m.Unavailable)})
	}
	slices.SortFunc(out, func(a, b host.CPUModel) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// cpuFlags is every property of the largest CPU that is on or off. Those that are numbers or words are no flags.
func cpuFlags(m qmp.CPUExpansion) []string {
	var props map[string]any
	if json.Unmarshal(m.Model.Props, &props) != nil {
		return nil
	}
	maps.DeleteFunc(props, func(_ string, v any) bool { _, flag := v.(bool); return !flag })
	return slices.Sorted(maps.Keys(props))
}
