package machines

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// hardware is what the flags say of the VM's board and its devices beside disks and network cards.
type hardware struct {
	cpu, topology, firmware, watchdog string
	nested, vnc, tpm, secureBoot      bool
	balloon                           bool
	memoryMax                         string
	cpusMax                           int
	cdroms                            []string
	shares                            []string
	vsock                             bool
	os                                string
	sound                             string
	bootOrder                         []string
	bootMenu                          bool
}

// hardwareFlags are their names.
var hardwareFlags = []string{"cpu", "topology", "nested", "firmware", "watchdog", "vnc", "cdrom", "tpm", "secure-boot", "memory-max", "cpus-max", "balloon", "share", "vsock", "os", "sound", "boot-order", "boot-menu"}

func (h *hardware) bind(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&h.cpu, "cpu", "", "CPU model and flags: host, max, or a name of QEMU's; ,+FLAG shows one, ,-FLAG hides one")
	fl.StringVar(&h.topology, "topology", "", "vCPUs as SOCKETSxCORESxTHREADS, such as 1x4x2")
	fl.BoolVar(&h.nested, "nested", false, "let the guest run VMs; the host's feature nestedVirtualization must be on")
	fl.StringVar(&h.firmware, "firmware", "", "bios, uefi (keeps its variables over restarts) or kernel")
	session.Values(cmd, "firmware", string(vm.BIOS), string(vm.UEFI), string(vm.Kernel))
	fl.StringVar(&h.watchdog, "watchdog", "", "a watchdog, and what happens to a guest that does not pet it: reset, poweroff, pause or none")
	fl.BoolVar(&h.vnc, "vnc", false, "a screen with keyboard and tablet, for hv vm vnc")
	fl.BoolVar(&h.secureBoot, "secure-boot", false, "UEFI that starts only what is signed")
	fl.StringVar(&h.memoryMax, "memory-max", "", "memory that it may be given while it runs, such as 8GiB")
	fl.IntVar(&h.cpusMax, "cpus-max", 0, "vCPUs that it may be given while it runs")
	fl.BoolVar(&h.balloon, "balloon", false, "memory may be taken back while it runs (as with --memory-max)")
	session.Values(cmd, "memory-max", "2GiB", "4GiB", "8GiB")
	session.Values(cmd, "cpus-max", "2", "4", "8")
	fl.StringArrayVar(&h.shares, "share", nil, "a folder of the host's, by virtiofs: [TAG=]SHARE[:ro]")
	fl.StringVar(&h.os, "os", "", "what runs in the guest; defaults follow from it, --dry-run shows them")
	session.Values(cmd, "os", string(vm.Windows11), string(vm.Windows10), string(vm.Linux), string(vm.Debian12), string(vm.FreeBSD), string(vm.OtherOS))
	fl.StringVar(&h.sound, "sound", "", "a sound card: ich9, or ac97 for older systems")
	session.Values(cmd, "sound", string(vm.SoundICH9), string(vm.SoundAC97), string(vm.SoundNone))
	fl.StringSliceVar(&h.bootOrder, "boot-order", nil, "the devices that the firmware tries, the first one first: root,lan (disks, then drives, when absent)")
	fl.BoolVar(&h.bootMenu, "boot-menu", false, "the firmware offers its menu at the start")
	if err := cmd.RegisterFlagCompletionFunc("boot-order", given); err != nil {
		panic("cli: " + err.Error())
	}
	fl.BoolVar(&h.vsock, "vsock", false, "a way to the host without a network (AF_VSOCK)")
	fl.BoolVar(&h.tpm, "tpm", false, "a TPM 2.0 of its own")
	fl.StringArrayVar(&h.cdroms, "cdrom", nil, "a CD-ROM drive: [DEVICE=]VOLUME, or DEVICE= for an empty one")
	session.Values(cmd, "watchdog", string(vm.ExpiryReset), string(vm.ExpiryPowerOff), string(vm.ExpiryPause), string(vm.ExpiryNone))
	session.Values(cmd, "cpu", vm.CPUAuto, vm.CPUHost, vm.CPUMax)
	session.Values(cmd, "topology", "1x2x1", "1x4x1", "1x4x2", "2x4x1")
}

// describe writes the flags into the spec.
func (h *hardware) describe(s *vm.Spec) error {
	s.NestedVirtualization = h.nested
	s.Firmware, s.SecureBoot = vm.Firmware(h.firmware), h.secureBoot
	if h.vnc {
		s.Graphics = &vm.Graphics{}
	}
	if h.memoryMax != "" {
		b, err := model.ParseBytes(h.memoryMax)
		if err != nil {
			return report.Usage("--memory-max 8GiB", "--memory-max: %v", err)
		}
		s.MemoryMax = b
	}
	s.CPUsMax = h.cpusMax
	if h.balloon {
		s.Balloon = &h.balloon
	}
	if h.tpm {
		s.TPM = &vm.TPM{}
	}
	for i, text := range h.cdroms {
		device, volume := named(text)
		if device == "" {
			device = "cd" + strconv.Itoa(i)
		}
		if err := add(&s.CDROMs, "--cdrom", device, vm.CDROM{Volume: volume}); err != nil {
			return err
		}
	}
	s.OS, s.Sound = vm.OS(h.os), vm.Sound(h.sound)
	if len(h.bootOrder) > 0 || h.bootMenu {
		if s.Boot == nil {
			s.Boot = &vm.Boot{}
		}
		s.Boot.Order, s.Boot.Menu = h.bootOrder, h.bootMenu
	}
	if h.vsock {
		s.Vsock = &vm.Vsock{}
	}
	for _, text := range h.shares {
		tag, name := named(text)
		name, readOnly := strings.CutSuffix(name, ":ro")
		if tag == "" {
			tag = name
		}
		if err := add(&s.Shares, "--share", tag, vm.Share{Share: name, ReadOnly: readOnly}); err != nil {
			return err
		}
	}
	if h.watchdog != "" {
		s.Watchdog = &vm.Watchdog{OnExpiry: vm.Expiry(h.watchdog)}
	}
	return h.processor(s)
}

func (h *hardware) processor(s *vm.Spec) error {
	if h.cpu == "" && h.topology == "" {
		return nil
	}
	s.CPU = &vm.CPU{}
	model, flags, _ := strings.Cut(h.cpu, ",")
	s.CPU.Model = model
	for flag := range strings.SplitSeq(flags, ",") {
		name, shown := strings.CutPrefix(flag, "+")
		hidden := false
		if !shown {
			name, hidden = strings.CutPrefix(flag, "-")
		}
		switch {
		case flag == "":
			continue
		case !shown && !hidden:
			return report.Usage("--cpu "+vm.CPUMax+",+avx2,-hle", "--cpu: %q is no flag: +NAME shows one, -NAME hides one", flag)
		case s.CPU.Features == nil:
			s.CPU.Features = map[string]bool{}
		}
		s.CPU.Features[name] = shown
	}
	if h.topology == "" {
		return nil
	}
	parts := strings.Split(h.topology, "x")
	if len(parts) != 3 {
		return report.Usage("--topology 1x4x2", "--topology %q is not SOCKETSxCORESxTHREADS", h.topology)
	}
	for i, to := range []*int{&s.CPU.Sockets, &s.CPU.Cores, &s.CPU.Threads} {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 1 {
			return report.Usage("--topology 1x4x2", "--topology %q: %q is no whole number from 1", h.topology, parts[i])
		}
		*to = n
	}
	return nil
}

// given completes devices that flags before it name.
func given(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, flag := range []string{"disk", "cdrom", "nic"} {
		all, err := cmd.Flags().GetStringArray(flag)
		for i, text := range all {
			device, volume := named(text)
			switch {
			case err != nil || device != "":
			case flag == "disk":
				device, _, _ = strings.Cut(volume, ":")
			case flag == "cdrom":
				device = "cd" + strconv.Itoa(i)
			default:
				device = "nic" + strconv.Itoa(i)
			}
			names = append(names, device)
		}
	}
	return session.Listed(names, start), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
