package machines

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// setting is `hv vm set`.
func setting(s *session.Session) *cobra.Command {
	var memory, memoryMax string
	var cpus, cpusMax int
	var bootOrder []string
	var bootMenu bool
	cmd := &cobra.Command{
		Use:   "set NAME… [--memory SIZE] [--cpus N] [--boot-order DEVICE,…]",
		Short: "Give VMs memory and vCPUs or take them back, say what they boot from",
		Long: `Changes how much memory and how many vCPUs VMs have. One that runs gets memory at once, up to the memoryMax it was started
with, and gives it back by its balloon; vCPUs up to cpusMax, where it runs with KVM. What cannot be done while it runs is done at the
next start, and hv vm show lists it as pending. So is what it boots from: --boot-order takes the names of its disks, drives and network
cards, the first one first; "" leaves it to what these say themselves.`,
		Example:           "  hv vm set web --memory 4GiB\n  hv vm set web --cpus 4\n  hv vm set web db --memory-max 16GiB\n  hv vm set web --boot-order install,root",
		Args:              s.Some("vm"),
		ValidArgsFunction: s.Live(0, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec := map[string]any{}
			for flag, to := range map[string]struct{ field, text string }{"memory": {"memory", memory}, "memory-max": {"memoryMax", memoryMax}} {
				if !cmd.Flags().Changed(flag) {
					continue
				}
				b, err := model.ParseBytes(to.text)
				if err != nil {
					return report.Usage("--"+flag+" 4GiB", "--%s: %v", flag, err)
				}
				spec[to.field] = b
			}
			for flag, to := range map[string]struct {
				field string
				n     int
			}{"cpus": {"cpus", cpus}, "cpus-max": {"cpusMax", cpusMax}} {
				if cmd.Flags().Changed(flag) {
					spec[to.field] = to.n
				}
			}
			boot := map[string]any{}
			if cmd.Flags().Changed("boot-order") {
				if boot["order"] = bootOrder; len(bootOrder) == 0 {
					boot["order"] = nil // taken out of the spec
				}
			}
			if cmd.Flags().Changed("boot-menu") {
				boot["menu"] = bootMenu
			}
			if len(boot) > 0 {
				spec["boot"] = boot
			}
			if len(spec) == 0 {
				return report.Usage("hv vm set NAME --memory 4GiB", "hv vm set: say what to change")
			}
			patch, err := json.Marshal(spec)
			if err != nil {
				return err
			}
			names, err := chosen(cmd.Context(), s, args)
			if err != nil {
				return err
			}
			return editAll(cmd.Context(), s, names, "set", "changed", patch)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&memory, "memory", "", "memory, such as 4GiB")
	fl.StringVar(&memoryMax, "memory-max", "", "memory that it may be given while it runs")
	fl.IntVar(&cpus, "cpus", 0, "vCPUs")
	fl.IntVar(&cpusMax, "cpus-max", 0, "vCPUs that it may be given while it runs")
	fl.StringSliceVar(&bootOrder, "boot-order", nil, "what the firmware tries, the first one first: install,root,lan")
	fl.BoolVar(&bootMenu, "boot-menu", false, "the firmware offers its menu at the start")
	if err := cmd.RegisterFlagCompletionFunc("boot-order", s.BootOrder); err != nil {
		panic("cli: " + err.Error())
	}
	session.Values(cmd, "memory", "1GiB", "2GiB", "4GiB", "8GiB")
	session.Values(cmd, "memory-max", "8GiB", "16GiB")
	session.Values(cmd, "cpus", "1", "2", "4", "8")
	session.Values(cmd, "cpus-max", "2", "4", "8")
	s.Mutates(cmd)
	s.SelectsAll(cmd)
	return cmd
}
