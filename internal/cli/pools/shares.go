package pools

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Shares returns `hv share`.
func Shares(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "share",
		Short: "Say which folders of the host VMs may mount",
		Long: `Names folders of the host that VMs mount by virtiofs. A VM's spec names the share, and never a path; only root says where
a share is. Whoever owns the folder is who its guests are there.`,
		Example: "  hv share create music --path /srv/music --read-only\n  hv vm edit web --set shares.music.share=music\n  mount -t virtiofs music /mnt   # in the guest",
	}
	cmd.AddCommand(createShare(s), listShares(s), showShare(s), removeShare(s))
	return cmd
}

func createShare(s *session.Session) *cobra.Command {
	var path string
	var readOnly bool
	var labels []string
	cmd := &cobra.Command{
		Use:   "create NAME --path FOLDER",
		Short: "Let VMs mount a folder of the host's",
		Long: `Lets VMs mount a folder. It is below /srv, /mnt, /media or /data, with everything above it root's alone, and belongs to
a user who is not root: that is who its guests are there. One of root's own can be shared read-only: guests then
read what everybody may. Only root may.`,
		Example: "  hv share create music --path /srv/music\n  hv share create iso --path /srv/iso --read-only",
		Args:    session.Exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := session.Labels(labels)
			if err != nil {
				return err
			}
			if path == "" {
				return report.Usage("--path /srv/"+args[0], "--path is missing: say which folder is to be shared")
			}
			body := wire.CreateShare{Name: args[0], Labels: all, ShareSpec: storage.ShareSpec{Path: path, ReadOnly: readOnly}}
			return change.Run(cmd.Context(), s, change.Change{Noun: "share", Name: args[0], Verb: "create", Past: "created",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.CreateShare(ctx, body, how)
				}})
		},
	}
	cmd.Flags().StringVar(&path, "path", "", "the folder")
	cmd.Flags().BoolVar(&readOnly, "read-only", false, "guests only read it")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "path", "/srv/", "/mnt/", "/media/", "/data/")
	s.Mutates(cmd)
	return cmd
}

func removeShare(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME…",
		Aliases:           []string{"rm"},
		Short:             "Let go of shares that no VM names",
		Long:              "Lets go of shares. One that a VM's spec names is refused, with that VM; the folder itself stays as it is. Only root may.",
		Example:           "  hv share delete music",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: s.Live(0, s.Shares),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change.Run(cmd.Context(), s, change.Each("share", "delete", "let go of", args, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
				return c.DeleteShare(ctx, name, how)
			})...)
		},
	}
	s.Mutates(cmd)
	return cmd
}

func listShares(s *session.Session) *cobra.Command {
	return session.ListCommand(s, "List shares", "Lists the folders of the host that VMs may mount, and who mounts them.", "  hv share list\n  hv share list -o wide",
		func(s *session.Session, c *client.Client) session.Listing[wire.Share] {
			return session.Listing[wire.Share]{
				Get: c.SharePage,
				Table: output.Table{Columns: []output.Column{
					{Title: "NAME", Cut: true}, {Title: "FOLDER", Cut: true}, {Title: "ACCESS"}, {Title: "MOUNTED BY", Cut: true},
					{Title: "ORIGIN", Wide: true}, {Title: "AGE", Right: true, Wide: true},
				}},
				Name: func(v wire.Share) string { return v.Metadata.Name },
				Row: func(v wire.Share) []string {
					return []string{v.Metadata.Name, v.Spec.Path, access(v.Spec), strings.Join(v.UsedBy, ", "), string(v.Metadata.Origin), output.Age(s.Now(), v.Metadata.Created)}
				},
				Empty: "no shares: hv share create NAME --path FOLDER",
			}
		})
}

func access(s storage.ShareSpec) string {
	if s.ReadOnly {
		return "read"
	}
	return "read, write"
}

func showShare(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show one share, and who mounts it",
		Long:              "Shows one share: its folder, and the VMs whose specs name it. -o json prints the API's object and nothing else.",
		Example:           "  hv share show music",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.Shares),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			v, err := c.Share(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, v)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, v.Metadata.Name)
				return nil
			}
			fmt.Fprintf(s.Out, "share %s\n", v.Metadata.Name)
			var f output.Fields
			f.Add("folder", v.Spec.Path)
			f.Add("access", access(v.Spec))
			f.Add("mounted by", strings.Join(v.UsedBy, ", "))
			f.Add("origin", string(v.Metadata.Origin))
			f.Add("uid", v.Metadata.UID)
			return f.Write(s.Out)
		},
	}
}
