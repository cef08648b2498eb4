package config

import (
	"strings"
	"testing"
	"testing/fstest"
)

// A declaration may be spread over the files of a NixOS configuration.
func TestADeclarationIsPutTogetherOfModules(t *testing.T) {
	files := fstest.MapFS{
		"host.nix": {Data: []byte(`{ lib, ... }: {
  imports = [ ./base.nix ./vms ];
  hypervisor.featureManager.riskTolerance = "cautious";
  hypervisor.featureManager.enabledFeatures = [ "snapshots" ];
}
`)},
		"base.nix": {Data: []byte(`{ config, lib, ... }: {
  hypervisor.featureManager = {
    profile = lib.mkDefault "custom";
    riskTolerance = lib.mkDefault "paranoid";
    enabledFeatures = lib.mkBefore [ "monitoring" ];
  };
  hypervisor.host.description = lib.mkIf (config.hypervisor.vms ? web) "serves the web";
}
`)},
		"vms/default.nix": {Data: []byte(`{ config, lib, ... }: {
  hypervisor.vms = lib.genAttrs [ "web" "db" ] (name: {
    cpus = lib.mkDefault 2;
    memory = "512MiB";
    boot.kernel = "tiny";
  });
  imports = [ { hypervisor.vms.db.cpus = 4; } ];
}
`)},
	}
	d, err := Read(t.Context(), files, "host.nix")
	if err != nil {
		t.Fatal(err)
	}
	fm := d.FeatureManager
	if got := strings.Join(*fm.EnabledFeatures, " "); fm.Profile != "custom" || fm.RiskTolerance != "cautious" || got != "monitoring snapshots" {
		t.Errorf("%+v %s", fm, got)
	}
	if d.VMs["web"].CPUs != 2 || d.VMs["db"].CPUs != 4 || d.VMs["db"].Boot.Kernel != "tiny" || d.Host.Description != "serves the web" {
		t.Errorf("%+v %+v", d.VMs, d.Host)
	}
	for path, want := range map[string]string{
		"hypervisor.featureManager.riskTolerance":      "host.nix:3",
		"hypervisor.featureManager.enabledFeatures[0]": "base.nix:5",
		"hypervisor.featureManager.enabledFeatures[1]": "host.nix:4",
		"hypervisor.vms.db.cpus":                       "vms/default.nix:7",
	} {
		if got := d.Sources.At(path).String(); !strings.HasPrefix(got, want+":") {
			t.Errorf("%s stands at %s, want %s", path, got, want)
		}
	}
}

func TestTwoModulesThatContradictAreToldBoth(t *testing.T) {
	_, err := Read(t.Context(), fstest.MapFS{
		"host.nix":  {Data: []byte("{\n  imports = [ ./other.nix ];\n  hypervisor.vms.web.cpus = 1;\n}\n")},
		"other.nix": {Data: []byte("{\n  hypervisor.vms.web.cpus = 2;\n}\n")},
	}, "host.nix")
	if err == nil || !strings.Contains(err.Error(), "'hypervisor.vms.web.cpus' is") || !strings.Contains(err.Error(), "host.nix:3") || !strings.Contains(err.Error(), "other.nix:2") {
		t.Error(err)
	}
}

func TestWhatNobodyDefinesIsAbsent(t *testing.T) {
	const text = `{ config, lib, ... }: {
  hypervisor.featureManager.profile = null;
  hypervisor.vms.web = { boot = null; description = toString (config.hypervisor.vms.web.disks == { } && config.hypervisor.featureManager.enabledFeatures == null); };
}`
	d, err := ReadString(t.Context(), Nix, "x.nix", text)
	if err != nil {
		t.Fatal(err)
	}
	if v := d.VMs["web"]; v.Boot != nil || v.Disks != nil || v.Description != "1" || d.FeatureManager.Profile != "" || d.FeatureManager.EnabledFeatures != nil {
		t.Errorf("%+v", d)
	}
}
