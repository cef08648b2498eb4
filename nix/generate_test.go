package nix

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

var update = flag.Bool("update", false, "write the generated files anew")

// What NixOS is told is made of the same data as everything else.
func TestTheGeneratedFilesAreFresh(t *testing.T) {
	for name, text := range map[string]func(*testing.T) []byte{
		"options.nix":   func(*testing.T) []byte { return config.NixOptions() },
		"catalogue.nix": catalogueNix,
		"units.nix":     unitsNix,
	} {
		want := text(t)
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what it is made from: go test ./nix -update\n%s", name, diff)
		}
	}
}

// featureData is what resolve.nix knows of a feature.
type featureData struct {
	ID        catalogue.ID                  `json:"id"`
	Core      bool                          `json:"core"`
	Risk      catalogue.Risk                `json:"risk"`
	Closure   []catalogue.ID                `json:"closure"`
	Exposes   string                        `json:"exposes"`
	Platforms map[catalogue.Platform]string `json:"platforms"` // those that lack it, and why
}

type profileData struct {
	Name    string         `json:"name"`
	List    bool           `json:"list"`
	Members []catalogue.ID `json:"members"`
}

type toleranceData struct {
	Name   catalogue.Tolerance `json:"name"`
	Cap    catalogue.Risk      `json:"cap"`
	Waives bool                `json:"waives"`
}

type conflictData struct {
	A        catalogue.ID      `json:"a"`
	B        catalogue.ID      `json:"b"`
	Scope    catalogue.Scope   `json:"scope"`
	Choices  []catalogue.Scope `json:"choices"`
	Narrower []narrowing       `json:"narrower"`
	Reason   string            `json:"reason"`
	Remedy   string            `json:"remedy"`
}

type narrowing struct {
	Scope catalogue.Scope `json:"scope"`
	Adds  string          `json:"adds"`
}

type catalogueData struct {
	Features         []featureData           `json:"features"`
	Conflicts        []conflictData          `json:"conflicts"`
	Profiles         []profileData           `json:"profiles"`
	Tolerances       []toleranceData         `json:"tolerances"`
	Risks            []catalogue.Risk        `json:"risks"`
	Aliases          map[string]catalogue.ID `json:"aliases"`
	NotInBuild       []catalogue.ID          `json:"notInBuild"`
	DefaultProfile   string                  `json:"defaultProfile"`
	DefaultTolerance catalogue.Tolerance     `json:"defaultTolerance"`
	MaxEntries       int                     `json:"maxEntries"`
}

func catalogueNix(t *testing.T) []byte {
	t.Helper()
	cat := catalogue.Default()
	d := catalogueData{
		Risks:   []catalogue.Risk{catalogue.Minimal, catalogue.Low, catalogue.Moderate, catalogue.High, catalogue.Critical},
		Aliases: catalogue.Standard().Aliases, NotInBuild: catalogue.Standard().NotInBuild,
		DefaultProfile: catalogue.DefaultProfile, DefaultTolerance: catalogue.DefaultTolerance, MaxEntries: feature.MaxEntries,
		Conflicts: []conflictData{},
	}
	for _, f := range cat.All() {
		one := featureData{f.ID, f.Core, f.Risk, cat.Closure(f.ID), f.Exposes, map[catalogue.Platform]string{}}
		for _, p := range catalogue.Platforms() {
			if s, inherited := cat.Support(f.ID, p); s.Mark == catalogue.Nothing && !inherited {
				one.Platforms[p] = s.Reason
			}
		}
		d.Features = append(d.Features, one)
	}
	for _, p := range cat.Profiles() {
		d.Profiles = append(d.Profiles, profileData{p.Name, p.List, append([]catalogue.ID{}, p.Members...)})
	}
	for _, name := range catalogue.Tolerances() {
		tolerance := catalogue.Tolerance(name)
		limit, _ := tolerance.Cap()
		d.Tolerances = append(d.Tolerances, toleranceData{tolerance, limit, tolerance.Waives()})
	}
	for _, r := range cat.Relations() {
		if r.Kind != catalogue.Conflict {
			continue
		}
		one := conflictData{r.A, r.B, r.Scope, r.Choices(), []narrowing{}, r.Reason, r.Remedy}
		for _, s := range r.Narrower() {
			one.Narrower = append(one.Narrower, narrowing{s, r.Narrow[s]})
		}
		d.Conflicts = append(d.Conflicts, one)
	}
	return data(t, "Made from internal/feature/catalogue", d)
}

// data is a value as a Nix file that says where it comes from.
func data(t *testing.T, from string, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s: go test ./nix -update\n", from)
	if err := output.Nix.Value(&out, v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const systemd = "../packaging/systemd/"

// unit is one of packaging's unit files, by section and key. A key that is there several times has a
// list, as NixOS writes such.
type unit map[string]map[string]any

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	text, err := os.ReadFile(systemd + name)
	if err != nil {
		t.Fatal(err)
	}
	u, section := unit{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
			u[section] = map[string]any{}
		case !ok || strings.HasSuffix(line, `\`):
			t.Fatalf("%s: cannot read %q", name, line)
		default:
			switch before := u[section][key].(type) {
			case nil:
				u[section][key] = value
			case string:
				u[section][key] = []string{before, value}
			case []string:
				u[section][key] = append(before, value)
			}
		}
	}
	return u
}

// unitsNix is packaging's units as data: one source of hardening for Debian and NixOS.
func unitsNix(t *testing.T) []byte {
	t.Helper()
	names, err := os.ReadDir(systemd)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, n := range names {
		if name := n.Name(); strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".slice") {
			all[name] = readUnit(t, name)
		}
	}
	all["tmpfiles.conf"] = rules(t, "tmpfiles.conf")
	return data(t, "Made from packaging/systemd", all)
}

// rules are the lines of a file that are no comments.
func rules(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(systemd + name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// A unit or an account that the package gets is not forgotten here.
func TestModuleKnowsEveryFileOfThePackage(t *testing.T) {
	var got []string
	names, err := os.ReadDir(systemd)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		got = append(got, n.Name())
	}
	want := []string{"hv-guests.service", "hv-helper.service", "hvd.service", "hyper-nixos.slice", "sysusers.conf", "tmpfiles.conf"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("module.nix is not written for these: %s", diff)
	}
	accounts := []string{"g hypervisor -", `u hvd - "Hyper-NixOS daemon" /nonexistent /usr/sbin/nologin`}
	if diff := cmp.Diff(accounts, rules(t, "sysusers.conf")); diff != "" {
		t.Errorf("module.nix is not written for these accounts: %s", diff)
	}
}
