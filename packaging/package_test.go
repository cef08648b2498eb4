//go:build linux

// Package packaging_test holds the Debian package to what docs/install.md says of it. What needs a host that it is
// installed on stands in test/lab.
package packaging_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/daemon"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

var update = flag.Bool("update", false, "write the list of the package's files anew")

const contents = "testdata/contents.txt"

// built builds the package from programs that do nothing and returns its path.
func built(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed: packages are built on Debian")
	}
	programs, out := t.TempDir(), t.TempDir()
	for _, name := range []string{"hv", "hvd", "hv-helper"} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Fields(output(t, "./deb.sh", "amd64", programs, out))
	return lines[len(lines)-1]
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, complaints.String())
	}
	return string(out)
}

func TestThePackageHasWhatItSays(t *testing.T) {
	deb := built(t)
	var list strings.Builder
	for line := range strings.Lines(output(t, "dpkg-deb", "--contents", deb)) {
		f := strings.Fields(line) // mode, owner, size, day, time, name
		if strings.HasSuffix(f[5], "/") || strings.Contains(f[5], "/share/man/") ||
			strings.Contains(f[5], "/examples/") || strings.HasSuffix(f[5], ".md.gz") {
			continue // a page for each command, every page of docs and every example: by rule, not by list
		}
		list.WriteString(f[0] + " " + f[1] + " " + strings.TrimPrefix(f[5], ".") + "\n")
	}
	if *update {
		if err := os.WriteFile(contents, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(contents)
	if err != nil || string(want) != list.String() {
		t.Errorf("the package's files are not those of %s (go test ./packaging -update): %v\n%s", contents, err, list.String())
	}
	if conffiles := output(t, "dpkg-deb", "--info", deb, "conffiles"); conffiles != "/etc/hyper-nixos/declaration.nix\n" {
		t.Errorf("files that are the host's owner's: %q", conffiles)
	}
	for field, want := range map[string]string{"Architecture": "amd64", "Depends": "qemu-system-x86", "Recommends": "ovmf"} {
		if got := output(t, "dpkg-deb", "--field", deb, field); !strings.Contains(got, want) || strings.Contains(got, "@") {
			t.Errorf("%s: %q", field, got)
		}
	}
}

func TestThePackageIsTheSameEveryTime(t *testing.T) {
	first, err := os.ReadFile(built(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(built(t))
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two builds differ (%v)", err)
	}
}

// root is a root folder with our units and what they start, for systemd-analyze to look at.
func root(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	output(t, "dpkg-deb", "--extract", built(t), dir)
	return dir
}

func TestTheUnitsAreWhatSystemdUnderstands(t *testing.T) {
	dir := root(t)
	for _, ofSystemd := range []string{"sysinit.target", "basic.target", "shutdown.target"} {
		if err := os.WriteFile(filepath.Join(dir, "usr/lib/systemd/system", ofSystemd), []byte("[Unit]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, unit := range []string{"hv-helper.service", "hvd.service", "hv-guests.service", "hv-fetch.socket", "hv-fetch@x.service", "hyper-nixos.slice"} {
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+dir, unit).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, unit) { // others' units are not all there
				t.Errorf("%s (%v)", strings.TrimSpace(line), err)
			}
		}
	}
}

// TestTheDaemonsAreHardened holds each to its exposure as systemd counts it, from 0 to 10 in tenths. The helper makes
// namespaces and changes uids: that is what it is for.
func TestTheDaemonsAreHardened(t *testing.T) {
	dir := root(t)
	for unit, most := range map[string]string{"hvd.service": "10", "hv-fetch@.service": "20", "hv-helper.service": "56"} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--root="+dir, "--threshold="+most, unit).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Log(lines[len(lines)-1])
		if err != nil {
			t.Errorf("%s is exposed more than %s tenths: %v\n%s", unit, most, err, out)
		}
	}
}

// Without these, hvd refuses to run qemu-img and xz (internal/confine).
func TestHvdMayTakeFilesFromWhatItRuns(t *testing.T) {
	text, err := os.ReadFile("systemd/hvd.service")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if allowed, is := strings.CutPrefix(line, "SystemCallFilter=@"); is {
			for _, call := range []string{"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} {
				if !strings.Contains(allowed, call) {
					t.Errorf("%s is not allowed", call)
				}
			}
			return
		}
	}
	t.Error("no calls are allowed by name")
}

func TestTheScriptsMeanTheFoldersThatTheProgramsUse(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	out := output(t, "sh", "-c", "state="+daemon.Installed+"; "+line(t, read("debian/postrm"), "run=")+"; echo $run")
	if strings.TrimSpace(out) != privilege.RunFolder(daemon.Installed) {
		t.Errorf("postrm removes %q", out)
	}
	out = output(t, "sh", "-c", line(t, read("debian/prerm"), "run=")+"; echo $run")
	if strings.TrimSpace(out) != privilege.RunFolder(daemon.Installed) {
		t.Errorf("prerm looks into %q", out)
	}
	for name, want := range map[string]string{
		"debian/postrm":             "state=" + daemon.Installed + "\n",
		"systemd/tmpfiles.conf":     "d " + daemon.Installed + " 1770 root hvd -",
		"systemd/hv-helper.service": "--state " + daemon.Installed + "\n",
		"systemd/hvd.service":       "ReadWritePaths=" + daemon.Installed + "\n",
	} {
		if !strings.Contains(read(name), want) {
			t.Errorf("%s does not have %q", name, want)
		}
	}
}

func line(t *testing.T, text, prefix string) string {
	t.Helper()
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSpace(l)
		}
	}
	t.Fatalf("no line begins with %q", prefix)
	return ""
}
