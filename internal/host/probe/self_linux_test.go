package probe

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// said is what a program of the system's says; the test is skipped where it is not there.
func said(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(name, " is not installed (scripts/deps.sh test): ", err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

func TestTheCPUIsTheOneThatTheSystemSees(t *testing.T) {
	var listed struct {
		Lscpu []struct{ Field, Data string }
	}
	if err := json.Unmarshal([]byte(said(t, "lscpu", "-J")), &listed); err != nil {
		t.Fatal(err)
	}
	see := map[string]string{}
	for _, l := range listed.Lscpu {
		see[strings.TrimSuffix(l.Field, ":")] = l.Data
	}
	f := Self(t.Context(), os.DirFS("/"))
	if f.CPU == nil || f.Layout == nil {
		t.Fatalf("%+v", f)
	}
	if n := countList(see["On-line CPU(s) list"]); f.CPUs != n {
		t.Errorf("%d CPUs, and lscpu sees %d", f.CPUs, n)
	}
	if n := see["NUMA node(s)"]; n != "" && n != fmt.Sprint(len(f.Layout.NUMA)) {
		t.Errorf("%d NUMA nodes, and lscpu sees %s", len(f.Layout.NUMA), n)
	}
	if f.Arch != "x86_64" {
		return
	}
	flags := strings.Fields(see["Flags"])
	if f.CPU.VTx != slices.Contains(flags, "vmx") || f.CPU.AMDV != slices.Contains(flags, "svm") || f.CPU.Hypervisor != (see["Hypervisor vendor"] != "") ||
		f.CPU.Vendor != see["Vendor ID"] || f.CPU.Model != see["Model name"] {
		t.Errorf("%+v, and lscpu sees %v", f.CPU, see)
	}
}

func TestThePCIDevicesAreThoseThatTheSystemSees(t *testing.T) {
	var see, got []string
	// One device is some lines and an empty one: Slot, Class, Vendor, Device, Driver.
	for block := range strings.SplitSeq(strings.TrimSpace(said(t, "lspci", "-Dnmmvk")), "\n\n") {
		is := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			is[name] = value
		}
		if is["Slot"] != "" {
			see = append(see, strings.Join([]string{is["Slot"], is["Class"], is["Vendor"], is["Device"], is["Driver"]}, " "))
		}
	}
	for _, d := range Self(t.Context(), os.DirFS("/")).PCI {
		got = append(got, strings.Join([]string{d.Address, d.Class[:4], d.Vendor, d.Device, d.Driver}, " "))
	}
	if !slices.Equal(see, got) {
		t.Errorf("lspci sees\n%s\nand we\n%s", strings.Join(see, "\n"), strings.Join(got, "\n"))
	}
}

func TestTheSwapAreasAreThoseThatTheSystemSees(t *testing.T) {
	see := strings.Fields(said(t, "swapon", "--noheadings", "--raw", "--show=NAME"))
	var got []string
	if l := Self(t.Context(), os.DirFS("/")).Layout; l != nil {
		for _, s := range l.Swap {
			got = append(got, s.Path)
		}
	}
	if !slices.Equal(see, got) {
		t.Errorf("swapon sees %v, and we %v", see, got)
	}
}
