package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// many is a list of n words in Nix.
func many(n int, word string) string { return "[ " + strings.Repeat(`"`+word+`" `, n) + "]" }

func keys(n int, value string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d = %s; ", i, value)
	}
	return "{ " + b.String() + "}"
}

// Every bad input is an error or a finding with its place and a way out, and never a crash.
func TestBadInputIsToldWithItsPlaceAndAWayOut(t *testing.T) {
	nix := func(section string) string {
		return "{\n  hypervisor.featureManager = {\n    " + section + "\n  };\n}\n"
	}
	for _, c := range []struct {
		name, text string
		format     Format
		code       string
		line       int
	}{
		{"a list that contradicts its profile: custom without one", nix(`profile = "custom";`), Nix, "HV-FEAT-004", 3},
		{"a list that contradicts its profile: on and off", nix("enabledFeatures = [ \"api\" ];\n    disabledFeatures = [ \"api\" ];"), Nix, "HV-FEAT-008", 4},
		{"a list that contradicts its profile: the profile is not used", nix(`profile = "full"; enabledFeatures = [ "snapshots" ];`), Nix, "HV-FEAT-020", 3},
		{"a list that contradicts its profile: off, and used by it", nix("extraFeatures = [ \"remoteBackup\" ];\n    disabledFeatures = [ \"localBackup\" ];"), Nix, "HV-FEAT-010", 4},
		{"tolerance below what is named", nix("riskTolerance = \"paranoid\";\n    extraFeatures = [ \"api\" ];"), Nix, "HV-FEAT-012", 4},
		{"tolerance below what is named, unacknowledged", nix(`extraFeatures = [ "liveMigration" ];`), Nix, "HV-FEAT-014", 3},
		{"no such tolerance", nix(`riskTolerance = "bold";`), Nix, "HV-FEAT-003", 3},
		{"no such profile", nix(`profile = "fulll";`), Nix, "HV-FEAT-002", 3},
		{"10,000 entries in a list", nix("enabledFeatures = " + many(10000, "api") + ";"), Nix, "", 3},
		{"10,000 unknown ones", nix("disabledFeatures = " + many(10000, "x") + ";"), Nix, "", 3},
		{"10,000 reasons", nix("acknowledgedRisks = " + keys(10000, `"why"`) + ";"), Nix, "", 3},
		{"10,000 scopes", nix("conflictScope = " + keys(10000, "{ }") + ";"), Nix, "", 3},
		{"300 entries in a list", nix("extraFeatures = " + many(300, "api") + ";"), Nix, "HV-FEAT-005", 3},
		{"duplicates", nix("enabledFeatures = [ \"api\"\n    \"restApi\" \"api\" ];"), Nix, "HV-FEAT-007", 4},
		{"a key twice", nix(`profile = "full"; profile = "minimal";`), Nix, "", 3},
		{"a key twice in JSON", "{\"hypervisor\": {\n\"featureManager\": {\"profile\": \"full\", \"profile\": \"minimal\"}}}", JSON, "", 2},
		{"a list that is a word", nix(`enabledFeatures = "api";`), Nix, "", 3},
		{"a list of numbers", nix(`enabledFeatures = [ 1 2 ];`), Nix, "", 3},
		{"a word that is a list", nix(`profile = [ "full" ];`), Nix, "", 3},
		{"a map that is a list", nix(`acknowledgedRisks = [ "api" ];`), Nix, "", 3},
		{"a reason that is a number", nix(`acknowledgedRisks.api = 7;`), Nix, "", 3},
		{"a scope one level up", nix(`conflictScope.remoteBackup = "vm";`), Nix, "", 3},
		{"a section that is a word", "hypervisor:\n  featureManager: full\n", YAML, "", 2},
		{"no such key", nix(`profil = "full";`), Nix, "", 3},
		{"aliases in a circle, in YAML", "hypervisor: &h\n  featureManager: *h\n", YAML, "", 2},
		{"aliases in a circle, in Nix", "rec {\n  a = b; b = a;\n  hypervisor.featureManager.profile = a;\n}", Nix, "", 2},
		{"an older name for what is named", nix("enabledFeatures = [ \"monitoring\"\n    \"metrics\" ];"), Nix, "HV-FEAT-006", 4},
		{"an odd name", nix(`enabledFeatures = [ "a\nb" "" "` + strings.Repeat("x", 4000) + `" ];`), Nix, "HV-FEAT-001", 3},
		{"a name without end", nix(`enabledFeatures = [ "` + strings.Repeat("x", 5000) + `" ];`), Nix, "", 3},
		{"cut off", "{ hypervisor.featureManager = {\n  profile = ", Nix, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := ReadString(t.Context(), c.format, "f", c.text)
			if problems, ok := errors.AsType[*Problems](err); ok {
				if c.code != "" || problems.List[0].Position.Line != c.line {
					t.Errorf("got %v in line %d, want %q in line %d", err, problems.List[0].Position.Line, c.code, c.line)
				}
				for _, p := range problems.List {
					if p.Code == "" || p.What == "" || p.Hint == "" {
						t.Errorf("%+v says nothing", p)
					}
				}
				return
			}
			if err != nil {
				t.Fatalf("an error of no place: %v", err)
			}
			found := Check(d, aHost()).Findings
			i := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Code == c.code })
			if i < 0 {
				t.Fatalf("no finding %q in %v", c.code, found)
			}
			if f := found[i]; f.Position.Line != c.line || f.Remedy == "" || f.Why == "" {
				t.Errorf("got line %d, want %d: %+v", f.Position.Line, c.line, f)
			}
		})
	}
}

func TestBadFactsAreToldWithTheirPlace(t *testing.T) {
	for text, says := range map[string]string{
		"{\"version\": 9}": "f.json:1:2: version 9, this hv reads 1", "{}": "f.json:1:1: version 0",
		"{\"kind\": \"host\",\n \"facts\": {\"cpus\": 2,\n  \"version\": 3}}": "f.json:3:3: version 3",
		"{\n  \"version\": 1,\n  \"cpus\": \"four\"\n}":                       "f.json:3:16: cpus is a string, and should not be",
		"{\"facts\": {\"version\": 1,\n  \"memory\": [1]}}":                   `f.json: size "[1]" is not a size`,
		"{\"version\": 1,\n \"cpus\": -5}":                                    "f.json:2:10: cpus is -5, and no host has less than none",
		`{"facts": {"version": 1, "memory": "-1"}}`:                           "negative",
		`{"facts": {"version": 1, "memory": -1}}`:                             "f.json:",
		`{"version": 1, "qemu": {"machines": [{}, {"cpus": -2}]}}`:            "qemu.machines[1].cpus is -2",
		"{\n": "f.json:1:2: unexpected end", "[]": "f.json:1:1: the whole is an array", "": "f.json:1:", "{\"facts\": 7}": "f.json:1:",
		strings.Repeat("x", MaxFacts+1): "more than",
	} {
		got, _, err := ReadFacts("f.json", []byte(text))
		if err == nil || !strings.Contains(err.Error(), says) || !errors.Is(err, fault.Unreadable) || !strings.Contains(fault.HintOf(err), "hv host -o json") {
			t.Errorf("%.60q: got %v, want %q", text, err, says)
		}
		if got.Version != 0 {
			t.Errorf("%.60q: half of it is used: %+v", text, got)
		}
	}
	for _, text := range []string{`{"version": 1, "cpus": 4}`, `{"kind": "host", "version": "v0.1.0", "facts": {"version": 1, "cpus": 4}}`, `{"version": 1, "cpus": 4, "of the future": {}}`} {
		if f, _, err := ReadFacts("f.json", []byte(text)); err != nil || f.CPUs != 4 {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
}

func TestFactsThatNobodyKnowsAreTold(t *testing.T) {
	got, notices, err := ReadFacts("f.json", []byte("{\"facts\": {\"version\": 1,\n \"cpsu\": 4, \"CPUs\": 2, \"qemu\": {\"zzzzzz\": [{\"x\": -1}]}}}"))
	want := []string{"f.json:2:2: cpsu is not known here, and not used: did you mean cpu or cpus?", "f.json:2:33: qemu.zzzzzz is not known here, and not used"}
	if err != nil || got.CPUs != 2 || !slices.Equal(notices, want) {
		t.Errorf("%q, %+v, %v", notices, got, err)
	}
	if _, many, err := ReadFacts("f.json", []byte(`{"version": 1`+strings.Repeat(`, "zzzzzz": 1`, 9)+"}")); err != nil || len(many) != maxUnknown+1 || many[maxUnknown] != "and 4 more keys of it are not known here" {
		t.Errorf("%q, %v", many, err)
	}
}

// FuzzDeclarationToResolve holds for any text: an error with a place, or findings that say what to do, whose edits can be
// made.
func FuzzDeclarationToResolve(f *testing.F) {
	f.Add(`{ hypervisor.featureManager = { profile = "full"; conflictScope.liveMigration.remoteBackup = "vm"; }; }`, uint8(0))
	f.Add(`{"hypervisor":{"featureManager":{"enabledFeatures":["metrics","\u0000",""],"acknowledgedRisks":{"":"x"}}}}`, uint8(1))
	f.Add("hypervisor:\n  featureManager: {disabledFeatures: [localBackup], extraFeatures: [remoteBackup]}\n", uint8(2))
	f.Add("hypervisor: &h\n  featureManager: *h\n", uint8(2))
	f.Add(`rec { a = b; b = a; hypervisor = a; }`, uint8(0))
	facts := aHost()
	f.Fuzz(func(t *testing.T, text string, format uint8) {
		d, err := ReadString(t.Context(), []Format{Nix, JSON, YAML}[format%3], "f", text)
		if err != nil {
			return
		}
		r := Check(d, facts)
		for _, found := range r.Resolution.Findings {
			if found.What == "" || found.Why == "" || found.Remedy == "" || found.Source == "" {
				t.Errorf("%s says nothing: %+v", found.Code, found)
			}
			for _, way := range found.Ways {
				if _, err := feature.Edited(d.FeatureManager, way); err != nil {
					t.Errorf("%s: an edit that cannot be made: %v", found.Code, err)
				}
			}
		}
	})
}

// FuzzReadFacts holds for any text: an error, or facts that a declaration can be held against.
func FuzzReadFacts(f *testing.F) {
	f.Add([]byte(`{"version": 1, "os": "linux", "arch": "x86_64", "cpu": {"vtx": true}, "iommu": {"ok": false, "why": "off"}}`))
	f.Add([]byte(`{"facts": {"version": 1, "qemu": null, "cpus": -1, "memory": "x"}}`))
	f.Add([]byte(`{"facts": 7}`))
	d, err := Read(f.Context(), examples, "production.nix")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		facts, _, err := ReadFacts("f", text)
		if err != nil {
			if !errors.Is(err, fault.Unreadable) {
				t.Errorf("%v is not about the file", err)
			}
			return
		}
		if r := Check(d, facts); len(r.Resolution.Effective) == 0 {
			t.Error("nothing is effective")
		}
	})
}
