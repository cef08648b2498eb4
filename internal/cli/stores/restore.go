package stores

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/model/upkeep"
)

func (k *keeper) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore [SNAPSHOT]",
		Short: "Put a snapshot back as the store; the daemon must be stopped",
		Long: `Puts a snapshot back as the store: the one that is named, or the newest that is whole. It says first what is lost,
and asks. What was there is kept aside and not deleted. The daemon must be stopped; VMs run on.

When hvd starts again it adopts the VMs that run. One that runs though the snapshot says "off" keeps running; one that
the snapshot does not know keeps running too, and hv host tells of it. Nothing that runs is ended because of a restore.`,
		Example: "  sudo hv store restore\n  sudo hv store restore 20261128T041033Z-4711 --yes",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return report.Usage("hv store restore [SNAPSHOT]", "hv store restore: %q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return k.putBack(cmd.Context(), strings.Join(args, "")) },
	}
	k.DryRuns(cmd)
	k.Asks(cmd)
	cmd.ValidArgsFunction = k.names
	return cmd
}

// names completes the names of snapshots, newest first; nothing where they may not be looked at.
func (k *keeper) names(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		answer, _ := k.ask(cmd.Context(), "list")
		for _, s := range slices.Backward(answer.Snapshots) {
			if strings.HasPrefix(s.Name, start) {
				names = append(names, s.Name+"\t"+s.Reason)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (k *keeper) putBack(ctx context.Context, name string) error {
	args := func(name string, more ...string) []string {
		if name != "" {
			more = append(more, "--snapshot", name)
		}
		return more
	}
	answer, err := k.ask(ctx, "restore", args(name)...)
	if err != nil {
		return err
	}
	r := answer.Restore
	if k.DryRun && k.Output.ForPrograms() {
		return k.Output.Value(k.Out, r)
	}
	k.means(r)
	if k.DryRun {
		return nil
	}
	if err := k.Confirm(ctx, "Put it back?"); err != nil {
		return err
	}
	// By name: what was asked about is what is done.
	if answer, err = k.ask(ctx, "restore", args(r.Snapshot.Name, "--really")...); err != nil {
		return err
	}
	r = answer.Restore
	if k.Output.ForPrograms() {
		return k.Output.Value(k.Out, r)
	}
	fmt.Fprintf(k.Out, "restored %s\n", r.Snapshot.Name)
	k.Notice("what was there is in %s\ntry: start hvd, then hv host", screen.Safe(r.Aside))
	return nil
}

// means says what putting a snapshot back would lose.
func (k *keeper) means(r *upkeep.Restore) {
	if k.Quiet && k.Yes {
		return
	}
	w := k.Err
	s := r.Snapshot
	fmt.Fprintf(w, "snapshot %s: taken %s, revision %d, %d keys\n", s.Name, output.Moment(k.Now(), s.Time), s.Revision, s.Keys)
	switch {
	case r.Readable && r.Revision >= s.Revision:
		fmt.Fprintf(w, "the store is at revision %d: %d changes made since are lost\n", r.Revision, r.Revision-s.Revision)
	case r.Readable:
		fmt.Fprintf(w, "the store is at revision %d\n", r.Revision)
	default:
		fmt.Fprintf(w, "the store cannot be read whole, so not all that is lost can be said:\n  %s\n", screen.Safe(r.Problem))
		fmt.Fprintf(w, "whatever was changed after %s is lost\n", s.Time.Local().Format("2006-01-02 15:04:05"))
	}
	for _, c := range r.Changes {
		fmt.Fprintf(w, "  %-12s %s %s\n", string(c.What), c.Kind, screen.Safe(c.Project+"/"+c.Name))
	}
	if r.More > 0 {
		fmt.Fprintf(w, "  and %d more\n", r.More)
	}
	if r.Readable && len(r.Changes) == 0 {
		fmt.Fprintln(w, "no VM, volume, boot file or declaration differs")
	}
}
