package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAGuestIsShownNestedVirtualizationWhereItAsksAndTheFeatureIsOn(t *testing.T) {
	for name, c := range map[string]struct {
		asks, on bool
		kvm      bool
		cpu      host.CPU
		want     string // of -cpu; empty where it is refused
	}{
		"nobody asks":                 {cpu: host.CPU{AMDV: true}, on: true, want: "max,vmx=off,svm=off,xlevel=0x80000008"},
		"emulated":                    {asks: true, on: true, cpu: host.CPU{VTx: true}, want: "max,vmx=off,svm=on"},
		"KVM on Intel":                {asks: true, on: true, kvm: true, cpu: host.CPU{VTx: true}, want: "host,vmx=on,svm=off"},
		"KVM on AMD":                  {asks: true, on: true, kvm: true, cpu: host.CPU{AMDV: true}, want: "host,vmx=off,svm=on"},
		"KVM, and nobody asks":        {on: true, kvm: true, cpu: host.CPU{AMDV: true}, want: "host,vmx=off,svm=off"},
		"it asks, the feature is off": {asks: true, kvm: true, cpu: host.CPU{AMDV: true}},
	} {
		in := input(wish(vm.On))
		in.Facts.CPU, in.Facts.KVM = &c.cpu, &host.Verdict{OK: c.kvm}
		in.Effective.NestedVirtualization = c.asks
		decl := feature.Declaration{}
		if c.on {
			decl.ExtraFeatures = []string{"nestedVirtualization"}
		}
		in.Features = feature.Resolve(decl, config.FeatureFacts(in.Facts))
		p, err := VM(in)
		if c.want == "" {
			if fault.KindOf(err) != fault.Denied || fault.CodeOf(err) != "HV-VM-042" || fault.HintOf(err) == "" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		args := p.Steps[0].Start.Order.Args
		if got := args[slices.Index(args, "-cpu")+1]; got != c.want {
			t.Errorf("%s: %s, want %s (%s)", name, got, c.want, strings.Join(args, " "))
		}
	}
}
