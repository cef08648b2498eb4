package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
)

func TestAPersonIsAskedForAFirstDeclaration(t *testing.T) {
	_, socket := newFake(t)
	file := filepath.Join(t.TempDir(), "host.nix")
	p := sit(t, 120, socket, "config", "new", file)
	p.sees("What is this host for?")
	p.sees("its number [1]:")
	p.types("9\n")
	p.sees("a number from 1 to 5")
	p.types("\n") // home lab
	p.sees("How much risk may one feature have?")
	p.sees("its number [3]:")
	p.types("\n")
	p.sees("Which features?")
	p.sees("cliEnhancements")
	p.sees("? lists all:")
	p.types("+snapshotz\n")
	p.sees("snapshots") // that is what was meant
	p.types("+snapshots -webDashboard +liveMigration\n")
	p.sees("liveMigration is of high risk")
	p.types("two hosts\n")
	p.sees("running VMs move")
	p.types("+remoteBackup\n") // the two conflict
	p.sees("these do not go together")
	p.types("-liveMigration\n")
	p.sees("? lists all:")
	p.types("\n")
	p.sees("A first VM?")
	p.types("Web!\n")
	p.sees("vCPUs [2]:")
	p.types("\n")
	p.sees("memory [2GiB]:")
	p.types("1GiB\n")
	p.sees("y or n [n]:")
	p.types("y\n")
	p.sees("it cannot be so")
	p.types("web\n\n1GiB\ny\n")
	p.sees("wrote " + file)
	p.exits(0)
	d, err := config.Read(t.Context(), os.DirFS(filepath.Dir(file)), "host.nix")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(*d.FeatureManager.EnabledFeatures, " "); got != "monitoring localBackup cliEnhancements snapshots" {
		t.Error(got)
	}
	if v := d.VMs["web"]; v.CPUs != 2 || v.Memory != 1<<30 || v.Power != "on" {
		t.Errorf("%+v", v)
	}
}

func TestAnInterviewThatIsLeftWritesNothing(t *testing.T) {
	_, socket := newFake(t)
	for how, key := range map[string]struct {
		typed string
		code  int
	}{"end of input": {"\x04", 1}, "Ctrl-C": {"\x03", 130}} {
		t.Run(how, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "host.nix")
			p := sit(t, 100, socket, "config", "new", file)
			p.sees("its number [1]:")
			p.types("\n")
			p.sees("its number [3]:")
			p.types(key.typed)
			p.exits(key.code)
			if _, err := os.Stat(file); err == nil {
				t.Error("a file was written")
			}
		})
	}
}

func TestAPersonWaitsForAnotherApplyAndMayStopWaiting(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"stale.json": `{"hypervisor": {"host": {"description": "stale"}}}`, "endless.json": `{"hypervisor": {"host": {"description": "busy endless"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := sit(t, 120, socket, "config", "apply", filepath.Join(dir, "endless.json"))
	p.sees("generation 4, in place of 3")
	p.sees("[y/N]")
	p.types("y\n")
	p.sees("waiting: another declaration is being applied by root since")
	p.types("\x03")
	p.sees("interrupted")
	p.exits(130)
	f.mu.Lock()
	if f.config != nil {
		t.Error("who stopped waiting has applied something")
	}
	f.mu.Unlock()

	p = sit(t, 120, socket, "config", "apply", filepath.Join(dir, "stale.json"))
	p.sees("[y/N]")
	p.seen.Reset()
	p.types("y\n")
	p.sees("what would follow has changed meanwhile")
	p.sees("[y/N]") // and is looked at anew
	p.types("y\n")
	p.sees("applied ")
	p.exits(0)
}
