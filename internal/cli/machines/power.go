package machines

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// verb is one command about power.
type verb struct {
	vm.Verb
	past, short, long string
}

var verbs = []verb{
	{vm.VerbStart, "started", "Start VMs", `Starts VMs, and waits until their vCPUs run.

A VM whose guest powered itself off, or that crashed, is started anew. One that is paused or suspended goes on where it
was; --discard-suspend boots a suspended one cold instead, and what was in its memory is lost.`},
	{vm.VerbStop, "stopped", "Ask guests to power off", `Asks the guests of VMs to power off, as their power button does, and waits until they have.

A guest gets the time that its spec says (stopTimeout, 60 s when absent) or --grace. One that has not powered off by
then goes on, and the call fails: wait on, or end it with hv vm kill. --force does not ask the guest: what it has not
written yet is lost, as with a plug that is pulled.`},
	{vm.VerbKill, "killed", "End VMs at once", `Ends VMs at once, without asking their guests: what they have not written yet is lost.`},
	{vm.VerbReboot, "rebooted", "Ask guests to power off, and start them again", `Asks the guests of VMs to power off, as their power button does, and starts them again once they have: with what was
edited since the last start. The process is another one afterwards; consoles end.

A guest gets the time that its spec says (stopTimeout, 60 s when absent) or --grace. One that has not powered off by
then runs on, and the call fails: hv vm reset does not ask.`},
	{vm.VerbReset, "reset", "Reset VMs at once", `Resets VMs, as their reset button does, without asking their guests: what they have not written yet is lost. The
process and what it was started with stay as they are.`},
	{vm.VerbPause, "paused", "Stop the vCPUs of VMs", `Stops the vCPUs of VMs. Memory and devices stay as they are; hv vm resume goes on.`},
	{vm.VerbResume, "resumed", "Let paused VMs go on", `Lets paused VMs go on where they were; suspended ones too.`},
	{vm.VerbSuspend, "suspended", "Save VMs to disk, and end them", `Saves the memory and the devices of VMs to disk, and ends their processes: they take neither memory nor CPU until
hv vm start lets them go on where they were, also after the host was restarted.

A VM's vCPUs stand still while it is saved. The disk needs room for its whole memory; that is seen to before anything
happens. Until it is whole, hv operation cancel lets the guest run on. What is edited meanwhile waits until the VM has
gone on and is restarted. Connections of the guest may have timed out by then, and its clock stands where it stood.`},
}

func power(s *session.Session, v verb) *cobra.Command {
	var force, discard bool
	var grace string
	cmd := &cobra.Command{
		Use:               string(v.Verb) + " NAME…",
		Short:             v.short,
		Long:              v.long,
		Example:           "  hv vm " + string(v.Verb) + " first\n  hv vm " + string(v.Verb) + " -l tier=web",
		Args:              s.Some("vm"),
		ValidArgsFunction: s.Live(0, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := wire.VerbOptions{Force: force, DiscardSuspend: discard}
			if grace != "" {
				d, err := session.Duration("grace", grace)
				if err != nil {
					return err
				}
				opt.Timeout = int(max(d, time.Second).Seconds())
			}
			return act(cmd.Context(), s, args, v, opt)
		},
	}
	s.Mutates(cmd)
	s.SelectsAll(cmd)
	if v.Verb == vm.VerbStop {
		cmd.Flags().BoolVar(&force, "force", false, "do not ask the guest")
	}
	if v.Verb == vm.VerbStart {
		cmd.Flags().BoolVar(&discard, "discard-suspend", false, "throw away what was saved by hv vm suspend, and boot cold")
	}
	if v.Verb == vm.VerbStop || v.Verb == vm.VerbReboot {
		cmd.Flags().StringVar(&grace, "grace", "", "how long the guest gets, such as 90s (its spec's stopTimeout when absent)")
		session.Values(cmd, "grace", "10s", "60s", "5m")
	}
	return cmd
}

func act(ctx context.Context, s *session.Session, args []string, v verb, opt wire.VerbOptions) error {
	names, err := chosen(ctx, s, args)
	if err != nil {
		return err
	}
	return change.Run(ctx, s, change.Each("vm", string(v.Verb), v.past, names, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
		return c.PowerVM(ctx, s.Ref(name), v.Verb, opt, how)
	})...)
}
