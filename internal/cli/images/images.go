// Package images holds `hv image`: the library of what VMs' disks begin as.
//
// What lives here: the commands. What does not: how changes are asked for and followed (change, follow), and which
// distributions there are (model/cloud).
package images

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv image`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Import and find the images that disks begin as",
		Long: `Keeps a library of images: disks with an operating system on them, and ISOs. An image comes from a file, a URL or the
catalogue of well-known distributions, is checked and converted once, and is never written to. A volume begins as one
(hv volume create NAME --image IMAGE).`,
		Example: "  hv image search debian\n  hv image import debian-12\n  hv volume create web-root --image debian-12 --size 20GiB",
	}
	cmd.AddCommand(importImage(s), create(s), update(s), search(s), source(s), list(s), show(s), export(s), remove(s))
	return cmd
}

func list(s *session.Session) *cobra.Command {
	return session.ListCommand(s, "List images",
		"Lists the images of the library, and which volumes stand on them.",
		"  hv image list\n  hv image list -o wide", listing)
}

func listing(s *session.Session, c *client.Client) session.Listing[wire.Image] {
	return session.Listing[wire.Image]{
		Get: func(ctx context.Context, opt client.ListOptions) (client.Page[wire.Image], error) {
			return c.ImagePage(ctx, s.Project, opt)
		},
		Table: output.Table{Columns: []output.Column{
			{Title: "NAME", Cut: true}, {Title: "KIND"}, {Title: "VERSION", Cut: true}, {Title: "SIZE", Right: true}, {Title: "TAKES", Right: true}, {Title: "CHECKED", Cut: true},
			{Title: "STATE"}, {Title: "AGE", Right: true},
			{Title: "OS", Wide: true}, {Title: "USED BY", Wide: true}, {Title: "FROM", Wide: true}, {Title: "SHA256", Wide: true},
		}},
		Name: func(i wire.Image) string { return i.Metadata.Name },
		Row: func(i wire.Image) []string {
			return []string{
				i.Metadata.Name, string(i.Spec.Kind), version(i), size(i.Status.Size), size(i.Status.Stored), checked(i), state(i), output.Age(s.Now(), i.Metadata.Created),
				strings.TrimSpace(i.Spec.OS + " " + i.Spec.Version), strings.Join(i.UsedBy, ", "), from(i.Spec.Source), i.Status.SHA256,
			}
		},
		Empty: "no images yet: hv image search, then hv image import NAME",
	}
}

func size(b model.Bytes) string {
	for _, unit := range []model.Bytes{model.GiB, model.MiB, model.KiB} {
		if b >= 10*unit {
			return (b / unit * unit).String()
		}
	}
	if b == 0 {
		return ""
	}
	return b.String()
}

func state(i wire.Image) string {
	switch {
	case i.Metadata.Deleted != nil && len(i.UsedBy) > 0:
		return "old, in use"
	case i.Metadata.Deleted != nil:
		return "going"
	case i.Status.Ready:
		return "ready"
	}
	return "being made"
}

// checked says in a word against what the content was held.
func checked(i wire.Image) string {
	switch {
	case !i.Status.Ready:
		return ""
	case strings.HasPrefix(i.Status.Signed, "by "):
		return "signed"
	case i.Status.Checked != "":
		return "sum"
	}
	return "no"
}

func from(s storage.ImageSource) string {
	switch {
	case s.VM != "":
		return "vm/" + s.VM
	case s.Listed != "":
		return s.Listed
	case s.URL != "":
		return s.URL
	}
	return s.Upload
}

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show one image",
		Long:              "Shows one image: where it came from, against what it was checked, what it needs. -o json prints the API's object.",
		Example:           "  hv image show debian-12",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.Images),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			i, err := c.Image(cmd.Context(), s.Ref(args[0]))
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, i)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, i.Metadata.Name)
				return nil
			}
			fmt.Fprintf(s.Out, "image %s: %s\n", i.Metadata.Name, state(i))
			f := fields(i)
			f.Add("created", output.Moment(s.Now(), i.Metadata.Created))
			f.Add("uid", i.Metadata.UID)
			return f.Write(s.Out)
		},
	}
}

func fields(i wire.Image) *output.Fields {
	var f output.Fields
	f.Add("kind", string(i.Spec.Kind))
	f.Add("size", size(i.Status.Size))
	f.Add("takes", size(i.Status.Stored))
	f.Add("came as", i.Status.Was)
	f.Add("from", from(i.Spec.Source))
	f.Add("version", i.Status.Version)
	f.Add("fetched from", i.Status.URL)
	f.Add("catalogue", i.Spec.Source.Catalogue)
	f.Add("os", strings.TrimSpace(i.Spec.OS+" "+i.Spec.Version+" "+i.Spec.Arch))
	f.Add("user", i.Spec.User)
	if i.Spec.CloudInit {
		f.Add("cloud-init", "yes")
	}
	if n := i.Spec.Needs; n != (storage.Needs{}) {
		f.Add("needs", fmt.Sprintf("%d CPU, %s memory, %s disk", n.CPUs, n.Memory, n.Disk))
	}
	if o := i.Status.OVF; o != nil && (o.CPUs > 0 || o.Memory > 0) {
		f.Add("its OVF asks for", fmt.Sprintf("%d CPU, %s memory", o.CPUs, o.Memory))
	}
	f.Add("sha256", i.Status.SHA256)
	if i.Status.Ready {
		sum := i.Status.Checked
		if sum == "" {
			sum = "against nothing: no sum was known"
		}
		f.Add("checked", sum)
		f.Add("signature", i.Status.Signed)
	}
	f.Add("used by", strings.Join(i.UsedBy, ", "))
	return &f
}

func remove(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete NAME…",
		Aliases: []string{"rm"},
		Short:   "Delete images",
		Long: `Deletes images, for ever: there is no trash for them. hv asks first. One that a volume stands on is refused; what is
being fetched of one is given up.`,
		Example:           "  hv image delete debian-12\n  hv image delete debian-12 --yes",
		Args:              s.Some("image"),
		ValidArgsFunction: s.Live(0, s.Images),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			if args, err = listing(s, c).Chosen(cmd.Context(), s, args); err != nil {
				return err
			}
			all := change.Each("image", "delete", "deleted", args, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
				return c.DeleteImage(ctx, s.Ref(name), how)
			})
			if len(all) == 1 && !s.DryRun && !s.Yes { // what is refused is not asked about
				if err := all[0].May(cmd.Context(), c); err != nil {
					return err
				}
			}
			if !s.DryRun && len(args) > 0 {
				if err := confirmLoss(cmd.Context(), s, c, args); err != nil {
					return err
				}
			}
			return change.Run(cmd.Context(), s, all...)
		},
	}
	s.Mutates(cmd)
	s.Selects(cmd)
	s.Asks(cmd)
	return cmd
}

// confirmLoss says what the images are, as far as it can be told, and asks.
func confirmLoss(ctx context.Context, s *session.Session, c *client.Client, names []string) error {
	if s.Yes {
		return nil
	}
	var lost []string
	for _, name := range names {
		i, err := c.Image(ctx, s.Ref(name))
		if errors.Is(err, fault.NotFound) {
			continue // for the daemon to refuse
		}
		if err != nil {
			return err
		}
		line := fmt.Sprintf("image %s: %s, takes %s", name, state(i), size(i.Status.Stored))
		if came := from(i.Spec.Source); came != "" {
			line += ", came from " + screen.Safe(came)
		}
		lost = append(lost, line)
	}
	if len(lost) == 0 {
		return nil
	}
	fmt.Fprintf(s.Err, "this deletes, for ever:\n  %s\n", strings.Join(lost, "\n  "))
	return s.Confirm(ctx, "delete?")
}
