package config

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

var firstVMs = []string{"first-vm.nix", "first-vm.json", "first-vm.yaml"}

func TestTheRecommendedConfigurationsResolve(t *testing.T) {
	for name, want := range map[string]string{ // beyond core, as reading-the-matrix.md settles it
		"home-lab.nix":          "monitoring localBackup webDashboard cliEnhancements",
		"development.nix":       "monitoring api devEnvironments snapshots webDashboard",
		"production.nix":        "monitoring threatDetection remoteBackup microSegmentation encryption localBackup",
		"security-critical.nix": "threatDetection behavioralAnalysis forensics monitoring",
	} {
		d, err := Read(t.Context(), examples, name)
		if err != nil {
			t.Fatal(err)
		}
		r := Check(d, aHost())
		if r.Refused() {
			t.Errorf("%s: %s", name, findings(r.Findings))
		}
		got := map[string]bool{}
		for _, e := range r.Resolution.Effective {
			if f, _ := catalogue.Default().Get(e.ID); !f.Core {
				got[string(e.ID)] = true
			}
		}
		expected := map[string]bool{}
		for _, id := range strings.Fields(want) {
			expected[id] = true
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, f := range r.Findings {
			if f.Path != "" && f.Position.File != name {
				t.Errorf("%s: a finding has no place: %+v", name, f)
			}
		}
	}
}

func TestAModuleDeclaresVMs(t *testing.T) {
	d, err := Read(t.Context(), examples, "declared-vms.nix")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.Names(), " "); got != "standby worker-1 worker-2" {
		t.Errorf("it declares %s", got)
	}
	if v := d.VMs["worker-2"]; v.Name != "worker-2" || v.Labels["role"] != "worker" || v.Boot.Kernel != "tiny-kernel" {
		t.Errorf("%+v", v)
	}
	if r := Check(d, aHost()); r.Refused() {
		t.Error(findings(r.Findings))
	}
	again, _, err := ReadVMs(t.Context(), examples, "declared-vms.nix")
	if err != nil || len(again) != 3 || again[0].Name != "standby" {
		t.Error(again, err)
	}
}

func TestAHostIsDeclaredInSeveralModules(t *testing.T) {
	d, err := Read(t.Context(), examples, "nixos/hypervisor.nix")
	if err != nil {
		t.Fatal(err)
	}
	one, two := d.VMs["web-1"], d.VMs["web-2"]
	if one.CPUs != 4 || two.CPUs != 2 || len(one.NICs) != 1 || d.FeatureManager.Profile != "minimal" || d.Host.Description != "2 VMs" {
		t.Errorf("%+v", d)
	}
	if r := Check(d, aHost()); r.Refused() {
		t.Error(findings(r.Findings))
	}
}

// The three forms of one declaration are one value. The other forms of the Nix examples are what
// the declaration says in JSON, which is YAML too.
func TestTheFormsOfOneDeclarationAreEqual(t *testing.T) {
	names, err := fs.Glob(examples, "*.nix")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "first-vm") {
			continue
		}
		want, err := Read(t.Context(), examples, name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		value, err := wireValue(data)
		if err != nil {
			t.Fatal(err)
		}
		want.Sources = nil
		for _, format := range []Format{JSON, YAML, Nix} {
			text := value
			if format == Nix {
				text = "builtins.fromJSON ''" + value + "''"
			}
			got, err := ReadString(t.Context(), format, "x", text)
			got.Sources = nil
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s as %s: %v\n%s", name, format, err, diff)
			}
		}
	}
}

func TestEveryPathOfTheHomeLabHasItsPlace(t *testing.T) {
	d, err := Read(t.Context(), examples, "home-lab.nix")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]finding.Position{
		"hypervisor.featureManager":                    {File: "home-lab.nix", Line: 2, Column: 3},
		"hypervisor.featureManager.riskTolerance":      {File: "home-lab.nix", Line: 4, Column: 5},
		"hypervisor.featureManager.enabledFeatures[2]": {File: "home-lab.nix", Line: 8, Column: 7},
	} {
		got := d.Sources.At(path)
		got.Column = min(got.Column, want.Column) // which end of a dotted name is nixlang's affair
		if got != want {
			t.Errorf("%s stands at %s, want %s", path, got, want)
		}
	}
}

// An example that is read by nobody's test would rot.
func TestNoExampleStandsAlone(t *testing.T) {
	entries, err := os.ReadDir("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`^((first-vm|declared-vms|home-lab|development|production|security-critical)\.(nix|json|yaml)|nixos)$`)
	for _, e := range entries {
		if !known.MatchString(e.Name()) {
			t.Errorf("examples/%s is in no test of this file", e.Name())
		}
	}
}

func TestANixFileImportsWhatLiesBesideIt(t *testing.T) {
	if _, err := ReadString(t.Context(), Nix, "x.nix", "import ./first-vm.nix"); err == nil {
		t.Error("text alone imported a file")
	}
}
