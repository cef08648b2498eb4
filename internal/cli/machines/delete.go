package machines

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func remove(s *session.Session) *cobra.Command {
	var opt wire.VerbOptions
	cmd := &cobra.Command{
		Use:     "delete NAME…",
		Aliases: []string{"rm"},
		Short:   "Delete VMs, and keep their volumes",
		Long: `Deletes VMs. Their volumes are kept, unless --volumes puts them into the trash (hv volume trash); hv asks
first. A VM that runs is refused, unless --force ends it.`,
		Example:           "  hv vm delete first\n  hv vm delete first --force --volumes",
		Args:              s.Some("vm"),
		ValidArgsFunction: s.Live(0, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			names, err := chosen(ctx, s, args)
			if err != nil {
				return err
			}
			if opt.Volumes && !s.DryRun && len(names) > 0 {
				if err := mayGo(ctx, s, names, opt); err != nil {
					return err
				}
				if err := confirmLoss(ctx, s, names); err != nil {
					return err
				}
			}
			var all []change.Change
			for _, name := range names {
				all = append(all, deletion(s, name, opt))
			}
			return change.Run(ctx, s, all...)
		},
	}
	cmd.Flags().BoolVar(&opt.Force, "force", false, "also when it runs")
	cmd.Flags().BoolVar(&opt.Volumes, "volumes", false, "its volumes too: into the trash")
	s.Mutates(cmd)
	s.Selects(cmd)
	s.Asks(cmd)
	return cmd
}

func deletion(s *session.Session, name string, opt wire.VerbOptions) change.Change {
	return change.Change{Noun: "vm", Name: name, Verb: string(vm.VerbDelete), Past: "deleted",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.DeleteVM(ctx, s.Ref(name), opt, how)
		}}
}

// mayGo returns why a VM is not deleted at all, before anybody is asked about its volumes. Of several each is told
// when it was tried.
func mayGo(ctx context.Context, s *session.Session, names []string, opt wire.VerbOptions) error {
	if s.Yes || len(names) != 1 {
		return nil
	}
	c, err := s.Client()
	if err != nil {
		return err
	}
	return deletion(s, names[0], opt).May(ctx, c)
}

// confirmLoss says which volumes go with the VMs, and asks. A VM that does not exist is left for the
// daemon to refuse.
func confirmLoss(ctx context.Context, s *session.Session, names []string) error {
	if s.Yes {
		return nil
	}
	c, err := s.Client()
	if err != nil {
		return err
	}
	var lost []string
	for _, name := range names {
		v, err := c.VM(ctx, s.Ref(name))
		if errors.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return fault.Wrap(err, "cannot see what vm %q has", name)
		}
		for _, device := range slices.Sorted(maps.Keys(v.Spec.Disks)) {
			lost = append(lost, fmt.Sprintf("volume %s (disk %s of vm %s)", v.Spec.Disks[device].Volume, device, name))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	fmt.Fprintf(s.Err, "this puts into the trash:\n  %s\n", strings.Join(lost, "\n  "))
	return s.Confirm(ctx, "delete them?")
}
