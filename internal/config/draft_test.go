package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Each preset, with a first VM and without, is a file that can be read, says what the preset says, and refuses
// nothing.
func TestEveryPresetIsADeclarationThatFits(t *testing.T) {
	first := vm.Definition{Name: "web", Spec: vm.Spec{CPUs: 2, Memory: 2 << 30, Power: vm.Off}}
	var ids []string
	for _, p := range Presets() {
		ids = append(ids, p.ID)
		for _, one := range []*vm.Definition{nil, &first} {
			text := Draft{File: "host.nix", For: p.Name, Features: p.Declaration, VM: one}.Nix()
			d, err := ReadString(t.Context(), Nix, "host.nix", text)
			if err != nil {
				t.Fatalf("%s: %v\n%s", p.ID, err, text)
			}
			if diff := cmp.Diff(p.Declaration, d.FeatureManager); diff != "" {
				t.Errorf("%s: %s", p.ID, diff)
			}
			if one != nil {
				got := d.VMs["web"]
				if got.CPUs != 2 || got.Memory != first.Memory || got.Power != vm.Off || len(got.NICs) != 1 {
					t.Errorf("%s: %+v", p.ID, got)
				}
			} else if len(d.VMs) > 0 || !strings.Contains(text, "# hypervisor.vms.web = {") {
				t.Errorf("%s: %s", p.ID, text)
			}
			if r := Check(d, host.Facts{}); r.Refused() {
				t.Errorf("%s: %+v", p.ID, r.Findings)
			}
			for i, l := range strings.Split(text, "\n") {
				if strings.HasSuffix(l, " ") || strings.Contains(l, "\t") {
					t.Errorf("%s: line %d ends untidily: %q", p.ID, i+1, l)
				}
			}
		}
	}
	if got := strings.Join(ids, " "); got != "home-lab development production security-critical minimal" {
		t.Error(got)
	}
}

// What the commands at the top of a draft are for stands in one column, however long the file's name is.
func TestTheCommandsOfADraftStandInColumns(t *testing.T) {
	for _, file := range []string{"h.nix", "host.nix", "/etc/hyper-nixos/höst.nix"} {
		text := []rune(Draft{File: file, For: "a test"}.Nix())
		var at []int
		for _, what := range []string{"what it comes to", "makes it so", "what is not as it says"} {
			before, _, _ := strings.Cut(string(text), what)
			at = append(at, len([]rune(before[strings.LastIndex(before, "\n")+1:])))
		}
		if at[0] != at[1] || at[1] != at[2] {
			t.Errorf("%s: columns %v\n%s", file, at, string(text[:300]))
		}
	}
}

func TestADraftSaysWhatWasAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawDeclaration(t).FeatureManager
		want.ConflictScope = nil // nobody is asked about it
		if want.Profile == "" {
			want.Profile = "custom"
		}
		want.RiskTolerance = "balanced"
		text := Draft{File: "host.nix", For: "a test", Features: want}.Nix()
		d, err := ReadString(t.Context(), Nix, "host.nix", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(want, d.FeatureManager); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}
