package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Nix, JSON and YAML can say the same: what is written in one reads back as it was, also by way of the others.
func TestADeclarationGoesThroughAllThreeFormsAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDeclaration(t)
		if len(d.VMs) > 0 && rapid.Bool().Draw(t, "odd words") {
			odd := rapid.SampledFrom([]string{"on", "no", "null", "~", "0x10", "1e3", "007", "- a", "a: b", "${x}", "''", `\`, " ", "#", "true", "2026-01-01", "<<", "*a", "&b", "!c", "%", "@"})
			name := d.Names()[0]
			def := d.VMs[name]
			def.Description = odd.Draw(t, "description")
			def.Memory = model.Bytes(rapid.Int64Range(0, 1<<50).Draw(t, "memory"))
			def.Graphics = &vm.Graphics{}
			def.Disks = map[string]vm.Disk{odd.Draw(t, "device"): {Volume: odd.Draw(t, "volume")}}
			d.VMs[name] = def
		}
		now := d
		for _, f := range rapid.SliceOfN(rapid.SampledFrom([]Format{Nix, JSON, YAML}), 1, 3).Draw(t, "forms") {
			text, err := now.Write(f)
			if err != nil {
				t.Fatal(err)
			}
			if now, err = ReadString(t.Context(), f, "host."+string(f), string(text)); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			now.Sources = nil
			if diff := cmp.Diff(d, now); diff != "" {
				t.Fatalf("%s\n%s", diff, text)
			}
		}
	})
}

func TestADeclarationIsWrittenAsAPersonWould(t *testing.T) {
	d, err := ReadString(t.Context(), JSON, "host.json", `{"hypervisor":{"vms":{"web":{"nics":{"lan":{}},"memory":2147483648,"cpus":2},"empty":{}},
		"featureManager":{"enabledFeatures":[],"profile":"custom"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	for f, want := range map[Format]string{
		Nix: `{
  hypervisor = {
    featureManager = {
      profile = "custom";
      enabledFeatures = [ ];
    };
    vms = {
      empty = { };
      web = {
        cpus = 2;
        memory = "2GiB";
        nics = {
          lan = { };
        };
      };
    };
  };
}
`,
		YAML: `hypervisor:
  featureManager:
    profile: custom
    enabledFeatures: []
  vms:
    empty: {}
    web:
      cpus: 2
      memory: 2GiB
      nics:
        lan: {}
`,
	} {
		if got, err := d.Write(f); err != nil || string(got) != want {
			t.Errorf("%s, %v\n%s", f, err, cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")))
		}
	}
	if _, err := d.Write("toml"); err == nil {
		t.Error("there is TOML")
	}
}
