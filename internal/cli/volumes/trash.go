package volumes

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// trash returns `hv volume trash`.
func trash(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trash",
		Short: "List, restore and delete for ever what was deleted",
		Long: `Lists, restores and deletes for ever the volumes in the trash. A deleted volume lies there until the retention of its
pool is over (7 days, unless the pool says otherwise). Another volume may have its name meanwhile, so it is named by its
name, where only one of that name lies there, or by the beginning of its UID.`,
		Example: "  hv volume trash list\n  hv volume trash restore web-root",
	}
	cmd.AddCommand(listTrash(s), restore(s), empty(s))
	return cmd
}

func trashListing(s *session.Session, c *client.Client) session.Listing[wire.TrashedVolume] {
	return session.Listing[wire.TrashedVolume]{
		Get: func(ctx context.Context, opt client.ListOptions) (client.Page[wire.TrashedVolume], error) {
			return c.VolumeTrashPage(ctx, s.Project, opt)
		},
		Table: output.Table{Columns: []output.Column{
			{Title: "NAME", Cut: true}, {Title: "UID"}, {Title: "SIZE", Right: true}, {Title: "TAKES", Right: true}, {Title: "DELETED", Right: true}, {Title: "GONE IN", Right: true}, {Title: "POOL", Wide: true},
		}},
		Name: func(t wire.TrashedVolume) string { return t.Metadata.UID },
		Row: func(t wire.TrashedVolume) []string {
			return []string{
				t.Metadata.Name, short(t.Metadata.UID), t.Spec.Size.String(), t.Takes.String(), output.Age(s.Now(), t.At), left(s.Now(), t), t.Spec.Pool,
			}
		},
		Empty: "the trash is empty",
	}
}

func short(uid string) string { return uid[:min(8, len(uid))] }

func left(now time.Time, t wire.TrashedVolume) string {
	if t.Going || !now.Before(t.Until) {
		return "going"
	}
	return output.Age(t.Until, now)
}

func listTrash(s *session.Session) *cobra.Command {
	return session.ListCommand(s, "List the volumes in the trash",
		"Lists the volumes in the trash: their size, the room that they take, and when they are gone for ever.",
		"  hv volume trash list", trashListing)
}

func restore(s *session.Session) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:               "restore VOLUME",
		Short:             "Take a volume out of the trash",
		Long:              "Takes a volume out of the trash, under the name that it had, or under --name where another has got that since.",
		Example:           "  hv volume trash restore web-root\n  hv volume trash restore 6d3ce1b6 --name web-root-old",
		Args:              session.Exactly("VOLUME"),
		ValidArgsFunction: s.Live(1, s.VolumeTrash),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := inTrash(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: t.Metadata.Name, Verb: "restore", Past: "restored",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.RestoreVolume(ctx, s.Ref(t.Metadata.UID), name, how)
				}})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "another name than it had")
	session.Values(cmd, "name")
	s.Mutates(cmd)
	return cmd
}

func empty(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "empty [VOLUME…]",
		Short: "Delete for ever what lies in the trash",
		Long: `Deletes for ever all that lies in the trash of the project, or the volumes that are named. hv asks first: nobody gets
it back.`,
		Example:           "  hv volume trash empty\n  hv volume trash empty web-root",
		ValidArgsFunction: s.Live(0, s.VolumeTrash),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := s.Client()
			if err != nil {
				return err
			}
			chosen, err := trashListing(s, c).Collect(ctx, client.ListOptions{})
			if err != nil {
				return err
			}
			if len(args) > 0 {
				chosen.Items = nil
				for _, name := range args {
					t, err := inTrash(ctx, s, name)
					if err != nil {
						return err
					}
					chosen.Items = append(chosen.Items, t)
				}
			}
			var all []change.Change
			var lost []string
			for _, t := range chosen.Items {
				lost = append(lost, fmt.Sprintf("volume %s (%s): %s, takes %s", t.Metadata.Name, short(t.Metadata.UID), t.Spec.Size, t.Takes))
				all = append(all, change.Change{Noun: "volume", Name: t.Metadata.Name, Verb: "delete", Past: "is gone",
					Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
						return c.PurgeVolume(ctx, s.Ref(t.Metadata.UID), how)
					}})
			}
			if !s.DryRun && !s.Yes && len(lost) > 0 {
				fmt.Fprintf(s.Err, "this deletes, for ever:\n  %s\n", strings.Join(lost, "\n  "))
				if err := s.Confirm(ctx, "delete?"); err != nil {
					return err
				}
			}
			return change.Run(ctx, s, all...)
		},
	}
	s.Mutates(cmd)
	s.Asks(cmd)
	return cmd
}

// inTrash finds the one volume in the trash that is meant, by its name or the beginning of its UID.
func inTrash(ctx context.Context, s *session.Session, what string) (wire.TrashedVolume, error) {
	c, err := s.Client()
	if err != nil {
		return wire.TrashedVolume{}, err
	}
	all, err := trashListing(s, c).Collect(ctx, client.ListOptions{})
	if err != nil {
		return wire.TrashedVolume{}, err
	}
	var found []wire.TrashedVolume
	var uids []string
	for _, t := range all.Items {
		if t.Metadata.Name == what || strings.HasPrefix(t.Metadata.UID, what) {
			found, uids = append(found, t), append(uids, short(t.Metadata.UID))
		}
	}
	switch len(found) {
	case 0:
		return wire.TrashedVolume{}, fault.New(fault.NotFound, "there is no volume %q in the trash", what).Try("hv volume trash list").WithCode("HV-VOL-008")
	case 1:
		return found[0], nil
	}
	return wire.TrashedVolume{}, fault.New(fault.Conflict, "%d volumes %q are in the trash", len(found), what).Try("name one by its UID: %s", strings.Join(uids, ", "))
}
