package vm

import (
	"reflect"
	"slices"
	"strings"
)

// live are the fields of a spec that take effect without a restart.
var live = []string{"power", "description", "autostart", "startup", "snapshots", "stopTimeout", "onPowerOff", "onCrash"}

// NeedRestart returns the JSON paths, sorted, in which running differs from wish and that take
// effect at the next start only. Both have their defaults filled in; running those of the build that
// started it, so what has come since is filled in here.
func NeedRestart(running, wish Spec) []string {
	var out []string
	running, _ = Effective(running, running.Arch)
	for _, path := range Diff(running, wish) {
		if !slices.Contains(live, path) {
			out = append(out, path)
		}
	}
	return out
}

// Diff returns the JSON paths, sorted, in which two specs differ. Devices are told by name
// ("disks.root"), all else by field.
func Diff(a, b Spec) []string {
	var out []string
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
		if name == "disks" || name == "nics" || name == "cdroms" || name == "shares" || reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			continue
		}
		out = append(out, name)
	}
	out = append(out, diffMap("disks.", a.Disks, b.Disks)...)
	out = append(out, diffMap("nics.", a.NICs, b.NICs)...)
	out = append(out, diffMap("cdroms.", a.CDROMs, b.CDROMs)...)
	out = append(out, diffMap("shares.", a.Shares, b.Shares)...)
	slices.Sort(out)
	return out
}

func diffMap[V comparable](prefix string, a, b map[string]V) []string {
	var out []string
	for name, v := range a {
		if w, both := b[name]; !both || v != w {
			out = append(out, prefix+name)
		}
	}
	for name := range b {
		if _, both := a[name]; !both {
			out = append(out, prefix+name)
		}
	}
	return out
}
