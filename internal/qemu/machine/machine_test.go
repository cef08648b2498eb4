package machine

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

var update = flag.Bool("update", false, "write testdata anew")

// text is a machine as people review it: an option and its value on one line.
func text(m Machine) string {
	var out strings.Builder
	for i, a := range m.Args {
		if strings.HasPrefix(a, "-") || i == 0 {
			out.WriteString("\n" + a)
		} else {
			out.WriteString(" " + a)
		}
	}
	out.WriteString("\n\n")
	for _, f := range m.Files {
		fmt.Fprintf(&out, "file %s: kind %s, object %q, device %q, %s\n", f.Name, f.Kind, f.Object, f.Device, f.Access)
	}
	fmt.Fprintf(&out, "sockets %q\n", m.Sockets)
	for _, u := range m.Uplinks {
		fmt.Fprintf(&out, "uplink %+v\n", u)
	}
	fmt.Fprintf(&out, "pinned %s %v\nlimits %+v\nkvm %v\n", m.Pinned.MachineType, m.Pinned.Slots, m.Limits, m.KVM)
	return strings.TrimPrefix(out.String(), "\n")
}

func TestASpecBecomesTheCommandLineThatWasReviewed(t *testing.T) {
	for name, in := range machines() {
		t.Run(name, func(t *testing.T) {
			m, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(text(m)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), text(m)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheSameInputGivesTheSameMachine(t *testing.T) {
	for name, in := range machines() {
		first, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if again, _ := Build(in); !cmp.Equal(first, again) {
				t.Errorf("%s differs: %s", name, cmp.Diff(first, again))
			}
		}
	}
}

func TestAStartedVMKeepsItsMachineOverAnUpgradeOfQEMU(t *testing.T) {
	in := machines()["home"]
	in.Pinned = &vm.Pinned{MachineType: "pc-q35-7.1", Slots: map[string]int{"disk/root": 3, "rng": 1}}
	m, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	want := vm.Pinned{MachineType: "pc-q35-7.1", Slots: map[string]int{"disk/root": 3, "rng": 1, "nic/lan": 2, "agent": 4}}
	if d := cmp.Diff(want, m.Pinned); d != "" {
		t.Error(d)
	}
	if !strings.Contains(text(m), "-machine type=pc-q35-7.1,") {
		t.Error("the command line has another machine type")
	}
}

func TestAnotherMachineFamilyIsAnotherComputer(t *testing.T) {
	in := machines()["pc"]
	in.Pinned = &vm.Pinned{MachineType: "pc-q35-7.1", Slots: map[string]int{"disk/root": 9}}
	m, err := Build(in)
	if err != nil || m.Pinned.MachineType != "pc-i440fx-7.2" || m.Pinned.Slots["disk/root"] != 1 {
		t.Errorf("%v: %+v", err, m.Pinned)
	}
}

func TestEverythingThatKeepsAMachineFromBeingBuiltIsToldAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		kind   fault.Kind
		want   string
	}{
		"an old machine type is gone": {func(in *Input) { in.Pinned = &vm.Pinned{MachineType: "pc-q35-9.0"} }, fault.Precondition,
			"HV-MACH-102 machine: its machine type pc-q35-9.0 is not in QEMU 7.2.22 any more"},
		"no QEMU":         {func(in *Input) { in.QEMU = host.QEMU{} }, fault.Precondition, "HV-MACH-101 arch: there is no QEMU for x86_64"},
		"QEMU is missing": {func(in *Input) { in.QEMU = host.QEMU{Why: "no file"} }, fault.Precondition, "HV-MACH-101 arch: no file"},
		"QEMU is too old": {func(in *Input) { in.QEMU.Why = "6.0 is too old" }, fault.Precondition, "HV-MACH-101 : QEMU is not usable: 6.0 is too old"},
		"the other QEMU": {func(in *Input) { in.QEMU = arm }, fault.Precondition,
			"HV-MACH-101 arch: /usr/bin/qemu-system-aarch64 is of architecture aarch64, the vm of x86_64"},
		"no such family": {func(in *Input) { in.QEMU.Machines = nil }, fault.Precondition, "HV-MACH-102 machine: QEMU 7.2.22 has no machine q35"},
		"too many vCPUs": {func(in *Input) { in.Spec.CPUs = 289 }, fault.Invalid, "HV-MACH-006 cpus: 289 vCPUs are more than the 288 that pc-q35-7.2 takes"},
		"text that is ours": {func(in *Input) { in.Spec.Boot.Cmdline = "a {fd:disk-root} \xff" }, fault.Invalid,
			"HV-MACH-004 boot.cmdline: boot.cmdline holds \"{fd:\", which stands for a file of ours\nHV-MACH-004 boot.cmdline: boot.cmdline is not UTF-8"},
		"missing volumes, a bad name and an odd format": {func(in *Input) {
			in.Name = "We,b"
			in.Spec.Disks = map[string]vm.Disk{"a": {Volume: "x"}, "b": {Volume: "y"}}
			in.Volumes = map[string]Volume{"b": {Format: "vmdk"}}
		}, fault.Invalid, `HV-MACH-001 name: name: vm name "We,b" is not 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends
HV-MACH-003 disks.a.volume: disk "a": volume "x" does not exist
HV-MACH-003 disks.b.volume: disk "b": volume "y" has the unknown format "vmdk"`},
	} {
		t.Run(name, func(t *testing.T) {
			in := machines()["home"]
			c.change(&in)
			if got := refusalOf(t, in, c.kind); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestArm64BootsAKernelOnly(t *testing.T) {
	in := input(vm.Spec{Arch: "aarch64"})
	if got, want := refusalOf(t, in, fault.Invalid), "HV-MACH-002 firmware: machine virt has no BIOS"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMoreDevicesThanAPCHasSlotsAreRefusedWithTheWayOut(t *testing.T) {
	in := machines()["full"]
	in.Spec.Machine = "pc"
	got := refusalOf(t, in, fault.Invalid)
	if strings.Count(got, "HV-MACH-005") != 5 || !strings.Contains(got, "rng finds no free slot: machine pc has 29") {
		t.Error(got)
	}
}

// refusalOf builds in, which must be refused with that kind, and lists the findings as "CODE path: what".
func refusalOf(t *testing.T, in Input, kind fault.Kind) string {
	t.Helper()
	_, err := Build(in)
	var r finding.Refusal
	if !errors.As(err, &r) || fault.KindOf(err) != kind {
		t.Fatalf("%v: %v", fault.KindOf(err), err)
	}
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s %s: %s", f.Code, f.Path, f.What))
		if f.Severity != finding.Refused || len(f.Subject) != 1 {
			t.Errorf("odd finding %+v", f)
		}
	}
	return strings.Join(lines, "\n")
}

func TestAnInputThatIsNotFinishedIsOurOwnMistake(t *testing.T) {
	for want, change := range map[string]func(*Input){
		`accelerator "auto" is not resolved`: func(in *Input) { in.Accel = vm.Auto },
		"its spec lacks cpus, serial, uuid":  func(in *Input) { in.Spec.CPUs, in.Spec.Serial, in.Spec.UUID = 0, nil, "" },
	} {
		in := machines()["home"]
		change(&in)
		if _, err := Build(in); fault.KindOf(err) != fault.Internal || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTheMemoryLimitLeavesRoomForQEMUItself(t *testing.T) {
	m, err := Build(machines()["home"])
	if err != nil {
		t.Fatal(err)
	}
	// 1 GiB + 4 MiB page tables + 128 MiB + 17 MiB boot files + 2 × 16 MiB + one disk and one NIC of 16 MiB + 256 MiB for TCG
	// + four slots that may get a qcow2 disk of 80 MiB
	want := Limits{MemoryBytes: int64((1024 + 4 + 128 + 17 + 32 + 16 + 16 + 256 + 4*80) * model.MiB), CPUs: 3, Pids: 130}
	if m.Limits != want {
		t.Errorf("got %+v, want %+v", m.Limits, want)
	}
}
