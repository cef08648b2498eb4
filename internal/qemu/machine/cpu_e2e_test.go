//go:build e2e

package machine

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// cpuHas asks a real QEMU which of those flags the guest's first CPU shows.
func cpuHas(t *testing.T, in Input, flags ...string) string {
	t.Helper()
	q := start(t, in)
	var has []string
	for _, flag := range flags {
		if q.get("/machine/unattached/device[0]", flag) == true {
			has = append(has, flag)
		}
	}
	return strings.Join(has, " ")
}

func TestARealQEMUShowsTheCPUThatWasAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		cpu    vm.CPU
		nested CPUFlag
		want   string
	}{
		"auto":                {vm.CPU{}, "", "avx2"},
		"auto, nested":        {vm.CPU{}, FlagSVM, "svm avx2"},
		"max without a flag":  {vm.CPU{Model: "max", Features: map[string]bool{"avx2": false}}, "", ""},
		"a model":             {vm.CPU{Model: "Nehalem"}, "", ""},
		"a model with a flag": {vm.CPU{Model: "Nehalem", Features: map[string]bool{"avx2": true, "avx": true}}, "", "avx2"},
		"a model, nested":     {vm.CPU{Model: "Opteron_G1"}, FlagSVM, "svm"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(vm.Spec{CPUs: 4, CPU: &c.cpu, Serial: no(), RNG: no()})
			in.Nested = c.nested
			if got := cpuHas(t, in, "vmx", "svm", "avx2"); got != c.want {
				t.Errorf("the guest sees %q, want %q", got, c.want)
			}
		})
	}
}
