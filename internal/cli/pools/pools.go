// Package pools holds `hv pool` and `hv storage`: where volumes are kept, and what is rebuilt from there.
//
// What lives here: the commands. What does not: volumes themselves (volumes), and how changes are asked for and
// followed (change, follow).
package pools

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv pool`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pool",
		Short: "Say where volumes are kept, and see how full it is",
		Long: `Makes, shows and edits pools: the places in which volumes are kept. The pool default is always there; a folder or
an LVM thin pool becomes another one. Only root may change pools.`,
		Example: "  hv pool list\n  hv pool create fast --path /srv/fast\n  hv volume create web-root --size 10GiB --pool fast",
	}
	cmd.AddCommand(create(s), list(s), show(s), edit(s), remove(s))
	return cmd
}

// flags are what describes a pool.
type flags struct {
	path, vg, thin, retention string
	warn, stop                int
	labels                    []string
}

func (f *flags) bind(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.warn, "warn", 0, "how full it gets before that is told, in percent (80 when absent)")
	cmd.Flags().IntVar(&f.stop, "stop", 0, "how full it gets before nothing new is made in it, in percent (95 when absent)")
	cmd.Flags().StringVar(&f.retention, "retention", "", "how long what is deleted lies in the trash: 7d when absent, 0 for no trash")
	cmd.Flags().StringArrayVar(&f.labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "retention", "0", "1d", "7d", "30d")
	session.Values(cmd, "warn", "70", "80", "90")
	session.Values(cmd, "stop", "90", "95", "98")
}

func create(s *session.Session) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "create NAME --path FOLDER | --volume-group VG --thin-pool LV",
		Short: "Make a pool of a folder, or of an LVM thin pool",
		Long: `Makes a pool. A folder has to be the daemon's own, with nobody else who may write to it; one below /srv, /mnt, /media or
/data that is missing is made. A thin pool has to exist already, and says by a tag that volumes may be kept in it:
lvchange --addtag hyper-nixos VG/LV. Only root may.`,
		Example: "  hv pool create fast --path /srv/fast\n  hv pool create thin --volume-group vg0 --thin-pool thin --warn 70",
		Args:    session.Exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			labels, err := session.Labels(f.labels)
			if err != nil {
				return err
			}
			body := wire.CreatePool{Name: args[0], Labels: labels, PoolSpec: storage.PoolSpec{
				Path: f.path, VolumeGroup: f.vg, ThinPool: f.thin, WarnPercent: f.warn, StopPercent: f.stop, Retention: f.retention,
			}}
			switch {
			case f.path != "" && f.vg+f.thin != "":
				return report.Usage("--path FOLDER, or --volume-group VG --thin-pool LV", "a pool is a folder or a thin pool, and not both")
			case f.vg+f.thin != "":
				body.Kind = storage.LVMThin
			case f.path == "":
				return report.Usage("--path /srv/fast", "--path is missing: say where the volumes are to be kept")
			default:
				body.Kind = storage.Dir
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "pool", Name: args[0], Verb: "create", Past: "created",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.CreatePool(ctx, body, how)
				}})
		},
	}
	cmd.Flags().StringVar(&f.path, "path", "", "the folder that its volumes are kept in")
	cmd.Flags().StringVar(&f.vg, "volume-group", "", "the LVM volume group of a thin pool")
	cmd.Flags().StringVar(&f.thin, "thin-pool", "", "the logical volume that is the thin pool")
	session.Values(cmd, "path", "/srv/", "/mnt/", "/media/", "/data/")
	session.Values(cmd, "volume-group", "vg0")
	session.Values(cmd, "thin-pool", "thin")
	f.bind(cmd)
	s.Mutates(cmd)
	return cmd
}

func edit(s *session.Session) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:               "edit NAME",
		Short:             "Change a pool's watermarks, retention and labels",
		Long:              "Changes a pool's watermarks, how long what is deleted lies in the trash, and its labels. Where a pool is stays as it is.\nOnly root may.",
		Example:           "  hv pool edit default --warn 70 --stop 90",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.Pools),
		RunE: func(cmd *cobra.Command, args []string) error {
			patch := map[string]any{}
			for flag, key := range map[string]string{"warn": "warnPercent", "stop": "stopPercent", "retention": "retention"} {
				if cmd.Flags().Changed(flag) {
					patch[key] = map[string]any{"warn": f.warn, "stop": f.stop, "retention": f.retention}[flag]
				}
			}
			if len(f.labels) > 0 {
				labels, err := session.Labels(f.labels)
				if err != nil {
					return err
				}
				patch["labels"] = labels
			}
			if len(patch) == 0 {
				return report.Usage("--warn 70", "nothing is to be changed: name a flag")
			}
			text, err := json.Marshal(patch)
			if err != nil {
				return err
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "pool", Name: args[0], Verb: "edit", Past: "edited",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.EditPool(ctx, args[0], text, how)
				}})
		},
	}
	f.bind(cmd)
	s.Mutates(cmd)
	return cmd
}

func remove(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME…",
		Aliases:           []string{"rm"},
		Short:             "Let go of pools that keep no volume",
		Long:              "Lets go of pools. One that keeps volumes is refused, with their names; the folder or thin pool itself stays as it is.\nOnly root may.",
		Example:           "  hv pool delete fast",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: s.Live(0, s.Pools),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change.Run(cmd.Context(), s, change.Each("pool", "delete", "let go of", args, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
				return c.DeletePool(ctx, name, how)
			})...)
		},
	}
	s.Mutates(cmd)
	return cmd
}

func list(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List pools",
		Long:    "Lists pools: how full they are, and what was promised to their volumes.",
		Example: "  hv pool list\n  hv pool list -o wide",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			page, err := listing(s, c).Print(cmd.Context(), s, s.Select())
			if err != nil || s.Output.ForPrograms() {
				return err
			}
			for _, p := range page.Items {
				for _, f := range p.Findings {
					s.Notice("%s (%s)", f.What, f.Code)
				}
			}
			return nil
		},
	}
	s.Selects(cmd)
	return cmd
}

func listing(s *session.Session, c *client.Client) session.Listing[wire.Pool] {
	return session.Listing[wire.Pool]{
		Get: c.PoolPage,
		Table: output.Table{Columns: []output.Column{
			{Title: "NAME", Cut: true}, {Title: "KIND"}, {Title: "SIZE", Right: true}, {Title: "FREE", Right: true}, {Title: "USED", Right: true},
			{Title: "PROMISED", Right: true}, {Title: "VOLUMES", Right: true}, {Title: "STATE", Cut: true},
			{Title: "WHERE", Wide: true}, {Title: "ORIGIN", Wide: true}, {Title: "AGE", Right: true, Wide: true},
		}},
		Name: func(p wire.Pool) string { return p.Metadata.Name },
		Row: func(p wire.Pool) []string {
			size, free, used := "", "", ""
			if p.Usage.Size > 0 {
				size, free, used = p.Usage.Size.String(), p.Usage.Available.String(), fmt.Sprintf("%d %%", p.Usage.UsedPercent)
			}
			age := ""
			if !p.Metadata.Created.IsZero() {
				age = output.Age(s.Now(), p.Metadata.Created)
			}
			return []string{
				p.Metadata.Name, string(p.Spec.Kind), size, free, used, p.Usage.Provisioned.String(), fmt.Sprint(p.Usage.Volumes), state(p),
				p.Where, string(p.Metadata.Origin), age,
			}
		},
		Empty: "no pools: hv pool create NAME --path FOLDER",
	}
}

func state(p wire.Pool) string {
	switch {
	case p.Problem != "":
		return p.Problem
	case p.Metadata.Deleted != nil:
		return "being let go of"
	case p.Open:
		return "open"
	}
	return "being opened"
}
