package action

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAFeatureThatVMsUseIsNotTurnedOffAndAllOfThemAreNamed(t *testing.T) {
	d := newDesk(t)
	d.facts.CPU = &host.CPU{VTx: true}
	on := `{"hypervisor":{"featureManager":{"extraFeatures":["nestedVirtualization"]}%s}}`
	off := `{"hypervisor":{"featureManager":{}}}`
	nested := func(def *vm.Definition) { def.NestedVirtualization = true }
	apply := func(text string, dry bool) error {
		call := root
		call.DryRun = dry
		_, err := d.ApplyConfig(t.Context(), call, d.declare(text))
		return err
	}
	d.must(apply(strings.Replace(on, "%s", `,"vms":{"told":{"memory":"256MiB","nestedVirtualization":true}}`, 1), false))
	d.create("web", nested)
	d.create("db", nested)
	d.create("plain")

	stands, _, err := d.standing(t.Context())
	d.must(err)
	for _, dry := range []bool{true, false} {
		err := apply(off, dry)
		var refusal finding.Refusal
		if dry {
			if err != nil {
				t.Errorf("a dry run says what would be refused, and fails: %v", err)
			}
			continue
		}
		if !errors.As(err, &refusal) {
			t.Fatalf("got %v", err)
		}
		i := slices.IndexFunc(refusal.Findings, func(f finding.Finding) bool { return f.Code == "HV-FEAT-033" })
		if i < 0 || !slices.Equal(refusal.Findings[i].Subject, []string{"nestedVirtualization", "vm/db", "vm/web"}) {
			t.Errorf("got %+v", refusal.Findings)
		}
	}
	after, _, err := d.standing(t.Context())
	d.must(err)
	if after.Generation != stands.Generation || d.object("told").Spec.Power != stands.decl.VMs["told"].Power {
		t.Error("a refused declaration did something")
	}

	// Where none uses it any more, it goes; a VM that the same declaration drops is stopped by it and is no user.
	for _, name := range []string{"web", "db"} {
		_, err := d.EditVM(t.Context(), member, ref(name), []byte(`{"nestedVirtualization":null}`))
		d.must(err)
	}
	d.must(apply(off, false))
	d.must(apply(off, false))
}
