package action

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
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

func TestARefusedDeclarationIsNotHalfApplied(t *testing.T) {
	d := newDesk(t)
	d.apply(`"old":{` + small + `}`)
	before, rev := d.object("old"), d.revision()
	for name, section := range map[string]string{
		"an unknown feature": `"enabledFeatures":["apy"]`, "on and off": `"enabledFeatures":["api"],"disabledFeatures":["api"]`,
		"custom without a list": `"profile":"custom"`, "over the cap": `"riskTolerance":"paranoid","extraFeatures":["api"]`,
		"a conflict": `"riskTolerance":"accepting","enabledFeatures":["remoteBackup","liveMigration"]`,
		"too many":   `"extraFeatures":[` + strings.Repeat(`"api",`, 299) + `"api"]`,
	} {
		text := `{"hypervisor":{"featureManager":{` + section + `},"vms":{"new":{` + small + `},"old":{"memory":"512MiB"}}}}`
		var refusal finding.Refusal
		if _, err := d.ApplyConfig(t.Context(), root, d.declare(text)); !errors.As(err, &refusal) || !refusal.Findings.Refuses() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.has(store.SpecKey(vmRef(ref("new")))) || d.object("old").Generation != before.Generation {
		t.Error("a VM of a refused declaration was made or edited")
	}
	if got := d.revision(); got != rev {
		t.Errorf("the store moved from revision %d to %d", rev, got)
	}
}
