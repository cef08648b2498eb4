package nix

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// Generated returns the files of this folder that are made, by name: what NixOS is told is made of the same
// data as everything else. root is the repository's.
func Generated(root string) (map[string][]byte, error) {
	out := map[string][]byte{"options.nix": config.NixOptions()}
	for name, text := range map[string]func(string) ([]byte, error){"catalogue.nix": catalogueNix, "units.nix": unitsNix} {
		made, err := text(root)
		if err != nil {
			return nil, err
		}
		out[name] = made
	}
	return out, nil
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

func catalogueNix(string) ([]byte, error) {
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
	return data("Made from internal/feature/catalogue", d)
}

// data is a value as a Nix file that says where it comes from.
func data(from string, v any) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s: go test ./nix -update\n", from)
	err := output.Nix.Value(&out, v)
	return out.Bytes(), err
}

const systemd = "packaging/systemd"

// unit is one of packaging's unit files, by section and key. A key that is there several times has a
// list, as NixOS writes such.
type unit map[string]map[string]any

func readUnit(path string) (unit, error) {
	text, err := os.ReadFile(path) // #nosec G304 -- of this repository
	if err != nil {
		return nil, err
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
			return nil, fmt.Errorf("%s: cannot read %q", path, line)
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
	return u, nil
}

// unitsNix is packaging's units as data: one source of hardening for Debian and NixOS.
func unitsNix(root string) ([]byte, error) {
	folder := filepath.Join(root, systemd)
	names, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for _, n := range names {
		if name := n.Name(); strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".socket") || strings.HasSuffix(name, ".slice") {
			if all[name], err = readUnit(filepath.Join(folder, name)); err != nil {
				return nil, err
			}
		}
	}
	if all["tmpfiles.conf"], err = rules(filepath.Join(folder, "tmpfiles.conf")); err != nil {
		return nil, err
	}
	return data("Made from packaging/systemd", all)
}

// rules are the lines of a file that are no comments.
func rules(path string) ([]string, error) {
	text, err := os.ReadFile(path) // #nosec G304 -- the same
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out, nil
}
