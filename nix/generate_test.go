package nix

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the generated files anew")

func TestTheGeneratedFilesAreFresh(t *testing.T) {
	files, err := Generated("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
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

// packaged is a unit, and packagedRules the lines of another file, of packaging's.
func packaged(t *testing.T, name string) unit {
	t.Helper()
	u, err := readUnit(filepath.Join("..", systemd, name))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func packagedRules(t *testing.T, name string) []string {
	t.Helper()
	out, err := rules(filepath.Join("..", systemd, name))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A unit or an account that the package gets is not forgotten here.
func TestModuleKnowsEveryFileOfThePackage(t *testing.T) {
	var got []string
	names, err := os.ReadDir(filepath.Join("..", systemd))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		got = append(got, n.Name())
	}
	want := []string{"hv-fetch.socket", "hv-fetch@.service", "hv-guests.service", "hv-helper.service", "hvd.service", "hyper-nixos.slice", "sysusers.conf", "tmpfiles.conf"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("module.nix is not written for these: %s", diff)
	}
	accounts := []string{"g hypervisor -", `u hvd - "Hyper-NixOS daemon" /nonexistent /usr/sbin/nologin`}
	if diff := cmp.Diff(accounts, packagedRules(t, "sysusers.conf")); diff != "" {
		t.Errorf("module.nix is not written for these accounts: %s", diff)
	}
}
