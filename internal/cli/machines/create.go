package machines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/declaration"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func create(s *session.Session) *cobra.Command {
	var f definition
	cmd := &cobra.Command{
		Use:   "create {NAME | -f FILE}",
		Short: "Create VMs, from a file or from flags",
		Long: `Creates VMs: all that a file in Nix, JSON or YAML declares, or one that flags describe.

The file holds one VM ({ name = "web"; cpus = 2; … }) or a declaration with hypervisor.vms; it is evaluated here,
with your rights, and only files below its folder are read. "-f -" reads JSON or YAML from standard input.
A VM names its disks and its kernel by their names in hv volume list and hv boot-file list, never by a path.

--disk and --nic may be given more than once. --disk takes VOLUME, DEVICE=VOLUME, and behind it :ro for read-only and :scsi, :sata,
:nvme or :usb for its bus; DEVICE=20GiB makes an empty volume NAME-DEVICE. Behind a comma stands how the disk is read and written: cache, aio, discard and detectZeroes, as in hv vm show.

With --image it begins as an image, as hv run makes it: its volume NAME-root is made with it, in one step, so that there are both or
neither. --disk 40GiB is the size of that disk then; what is not said of CPUs, memory and disk is what the image needs. A card on
the network user is there unless --nic says otherwise (--nic none: no card). Your public SSH keys log in.

It starts with --start, or where its file says power = "on".`,
		Example: "  hv vm create -f examples/first-vm.nix\n" +
			"  hv vm create web --image debian-12 --disk 40GiB --instance-type medium --start\n" +
			"  hv vm create web --cpus 2 --memory 2GiB --disk web-root --nic user --start\n" +
			"  hv vm create db --disk db-root --disk data=db-data,cache=none,aio=native",
		Args: f.args,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			all, sources, err := f.definitions(cmd.Context(), s, args)
			if err != nil {
				return err
			}
			return createAll(cmd.Context(), s, all, sources, f.start)
		},
	}
	f.bind(s, cmd)
	s.Mutates(cmd)
	return cmd
}

func createAll(ctx context.Context, s *session.Session, all []vm.Definition, sources config.SourceMap, start bool) error {
	var changes []change.Change
	for _, def := range all {
		if start {
			def.Power = vm.On
		}
		changes = append(changes, change.Change{Noun: "vm", Name: def.Name, Verb: "create", Past: "created",
			Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				result, err := c.CreateVM(ctx, s.Project, def, how)
				if refusal, ok := errors.AsType[finding.Refusal](err); ok {
					declaration.Locate(refusal.Findings, sources)
				}
				if result.Preview != nil {
					declaration.Locate(result.Preview.Findings, sources)
				}
				return result, err
			}})
	}
	return change.Run(ctx, s, changes...)
}

// definition is what the flags describe.
type definition struct {
	file                     string
	spec                     vm.Spec
	memory                   string
	kernel, initrd, cmdline  string
	disks, nics, labels      []string
	start                    bool
	startup                  vm.Startup
	machine, accel, describe string
	hardware                 hardware
	begin                    beginning
}

// shaping are the flags that describe a VM: with a file there is nothing for them to do.
var shaping = slices.Concat([]string{
	"cpus", "memory", "disk", "nic", "kernel", "initrd", "cmdline", "machine", "accelerator", "label", "description", "autostart",
	"start-order", "start-delay", "start-after", "on-power-off", "on-reboot", "on-crash",
}, hardwareFlags, beginningFlags)

func (f *definition) bind(s *session.Session, cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.file, "file", "f", "", "read the VMs from this file; - is standard input")
	fl.IntVar(&f.spec.CPUs, "cpus", 0, fmt.Sprintf("vCPUs (%d when absent)", vm.DefaultCPUs))
	fl.StringVar(&f.memory, "memory", "", fmt.Sprintf("memory, such as 2GiB (%s when absent)", vm.DefaultMemory))
	fl.StringArrayVar(&f.disks, "disk", nil, "a volume: [DEVICE=]VOLUME[:ro][:BUS], or an empty one that is made: DEVICE=SIZE; with --image SIZE is that of its disk; behind it ,cache= ,aio= ,discard= and ,detectZeroes=")
	fl.StringArrayVar(&f.nics, "nic", nil, "a network card: [DEVICE=]NETWORK; user reaches out by NAT")
	fl.StringVar(&f.kernel, "kernel", "", "boot this kernel of hv boot-file list directly")
	fl.StringVar(&f.initrd, "initrd", "", "with this initrd")
	fl.StringVar(&f.cmdline, "cmdline", "", "and this command line")
	fl.StringVar(&f.machine, "machine", "", "machine family: q35, pc, virt")
	fl.StringVar(&f.accel, "accelerator", "", "auto, kvm or tcg")
	f.hardware.bind(cmd)
	f.begin.bind(s, cmd)
	fl.StringArrayVar(&f.labels, "label", nil, "a label: KEY=VALUE")
	fl.StringVar(&f.describe, "description", "", "a description")
	fl.BoolVar(&f.spec.Autostart, "autostart", false, "start again after a host reboot, if it was on")
	fl.IntVar(&f.startup.Order, "start-order", 0, "with autostart: lower ones start first, and stop last")
	fl.IntVar(&f.startup.Delay, "start-delay", 0, "with autostart: seconds that those after it wait once it runs")
	fl.StringVar((*string)(&f.startup.OnHostStop), "on-host-stop", "", "when the host goes down: stop, or suspend")
	session.Values(cmd, "on-host-stop", string(vm.HostStopStop), string(vm.HostStopSuspend))
	fl.StringSliceVar(&f.startup.After, "start-after", nil, "with autostart: VMs that run before it starts")
	fl.StringVar((*string)(&f.spec.OnPowerOff), "on-power-off", "", "when the guest powers itself off: stop or restart (stop when absent)")
	fl.StringVar((*string)(&f.spec.OnReboot), "on-reboot", "", "when the guest resets itself: restart or stop (restart when absent)")
	fl.StringVar((*string)(&f.spec.OnCrash), "on-crash", "", "when it panics or QEMU dies: stop, restart or preserve (stop when absent)")
	fl.BoolVar(&f.start, "start", false, "start it")
	if err := cmd.MarkFlagFilename("file", "nix", "json", "yaml", "yml"); err != nil {
		panic("cli: " + err.Error())
	}
	session.Values(cmd, "cpus", "1", "2", "4", "8")
	session.Values(cmd, "memory", "512MiB", "1GiB", "2GiB", "4GiB")
	session.Values(cmd, "nic", vm.UserNetwork)
	session.Values(cmd, "machine", "q35", "pc", "virt")
	session.Values(cmd, "start-order", "1", "10", "100")
	session.Values(cmd, "start-delay", "10", "30", "60")
	session.Values(cmd, "on-power-off", string(vm.AfterStop), string(vm.AfterRestart))
	session.Values(cmd, "on-reboot", string(vm.AfterRestart), string(vm.AfterStop))
	session.Values(cmd, "on-crash", string(vm.AfterStop), string(vm.AfterRestart), string(vm.AfterPreserve))
	session.Values(cmd, "accelerator", string(vm.Auto), string(vm.KVM), string(vm.TCG))
	if err := cmd.RegisterFlagCompletionFunc("disk", completeDisk(s)); err != nil {
		panic("cli: " + err.Error())
	}
	s.LiveFlag(cmd, "start-after", s.VMs)
	s.LiveFlag(cmd, "cdrom", s.Volumes)
	s.LiveFlag(cmd, "share", s.Shares)
	s.LiveFlag(cmd, "kernel", s.BootFiles)
	s.LiveFlag(cmd, "initrd", s.BootFiles)
}

func (f *definition) args(cmd *cobra.Command, args []string) error {
	if f.file == "" {
		return session.Exactly("NAME")(cmd, args)
	}
	if len(args) > 0 {
		return report.Usage("hv vm create -f "+f.file, "with -f the file names its VMs: %q is one argument too many", args[0])
	}
	for _, flag := range shaping {
		if cmd.Flags().Changed(flag) {
			return report.Usage("write it into the file", "with -f the file describes its VMs: --%s has no use", flag)
		}
	}
	return nil
}

func (f *definition) definitions(ctx context.Context, s *session.Session, args []string) ([]vm.Definition, config.SourceMap, error) {
	if f.file != "" {
		return declaration.VMs(ctx, s, f.file)
	}
	disk := f.root()
	def, err := f.described(args[0])
	if err == nil {
		def, err = f.begins(ctx, s, def, disk)
	}
	return []vm.Definition{def}, nil, err
}

// described is the VM that the flags describe. Whether it makes sense is for the daemon to say, all at once.
func (f *definition) described(name string) (vm.Definition, error) {
	def := vm.Definition{Name: name, Spec: f.spec}
	if s := f.startup; s.Order != 0 || s.Delay != 0 || len(s.After) > 0 || s.OnHostStop != "" {
		def.Startup = &s
	}
	if f.memory != "" {
		b, err := model.ParseBytes(f.memory)
		if err != nil {
			return def, report.Usage("--memory 2GiB", "--memory: %v", err)
		}
		def.Memory = b
	}
	def.Machine, def.Accelerator, def.Description = f.machine, vm.Accelerator(f.accel), f.describe
	if f.kernel != "" || f.initrd != "" || f.cmdline != "" {
		def.Boot = &vm.Boot{Kernel: f.kernel, Initrd: f.initrd, Cmdline: f.cmdline}
	}
	for _, text := range f.disks {
		text, options, _ := strings.Cut(text, ",")
		device, volume := named(text)
		disk, err := diskOf(volume, options)
		if err != nil {
			return def, err
		}
		if size, err := model.ParseBytes(volume); err == nil && device != "" && strings.HasSuffix(volume, "iB") { // no name is written so
			disk.Volume, disk.Size, disk.Encryption = "", size, f.begin.key
		}
		if device == "" {
			device = disk.Volume
		}
		if err := add(&def.Disks, "--disk", device, disk); err != nil {
			return def, err
		}
	}
	for i, text := range f.nics {
		device, network := named(text)
		if network == "none" && len(f.nics) == 1 {
			break
		}
		if device == "" {
			device = fmt.Sprintf("nic%d", i)
		}
		if err := add(&def.NICs, "--nic", device, vm.NIC{Network: network}); err != nil {
			return def, err
		}
	}
	if err := f.hardware.describe(&def.Spec); err != nil {
		return def, err
	}
	var err error
	def.Labels, err = session.Labels(f.labels)
	return def, err
}

// named splits "DEVICE=VALUE"; without a device there is none.
func named(text string) (device, value string) {
	if device, value, ok := strings.Cut(text, "="); ok {
		return device, value
	}
	return "", text
}

func add[T any](m *map[string]T, flag, device string, v T) error {
	if *m == nil {
		*m = map[string]T{}
	}
	if _, twice := (*m)[device]; twice {
		return report.Usage(flag+" DEVICE=NAME", "%s: there are two devices %q", flag, device)
	}
	(*m)[device] = v
	return nil
}
