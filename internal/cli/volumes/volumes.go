// Package volumes holds `hv volume` and `hv boot-file`: what VMs keep and what they boot.
//
// What lives here: the commands, and how a user's file is read for an import. What does not: how changes
// are asked for and followed (change, follow).
package volumes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv volume`, with what others hold of it.
func Command(s *session.Session, others ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "volume",
		Short: "Create, import, change and delete the disks of VMs",
		Long: `Creates, imports, changes and deletes volumes: the disks of VMs. A VM names its volumes; the host keeps them in a pool,
by name, never by a path.`,
		Example: "  hv volume create web-root --size 10GiB\n  hv volume import web-root ./debian.qcow2 --format qcow2",
	}
	cmd.AddCommand(create(s), importVolume(s), export(s), check(s), clone(s), list(s), show(s), resize(s), rename(s), move(s), attach(s), detach(s), remove(s), trash(s))
	cmd.AddCommand(others...)
	return cmd
}

func create(s *session.Session) *cobra.Command {
	var size, format, pool, image, key string
	var labels []string
	cmd := &cobra.Command{
		Use:   "create NAME --size SIZE|--image IMAGE",
		Short: "Create a volume, empty or as an image",
		Long: `Creates a volume. It is empty, or begins as an image of the library (--image): then it stands on the image and takes
room for what is written to it alone. It is as large as the image, or larger.`,
		Example: "  hv volume create web-root --size 10GiB\n  hv volume create web-root --image debian-12 --size 20GiB\n  hv volume create vault --size 10GiB --format qcow2 --encryption house",
		Args:    session.Exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := volume(args[0], format, pool, labels)
			if err != nil {
				return err
			}
			body.Encryption = key
			if body.Image = image; image != "" && !cmd.Flags().Changed("format") {
				body.Format = ""
			}
			if size == "" && image == "" {
				return report.Usage("--size 10GiB", "--size is missing: say how large the volume is to be")
			}
			if size != "" {
				if body.Size, err = model.ParseBytes(size); err != nil {
					return report.Usage("--size 10GiB", "--size: %v", err)
				}
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "create", Past: "created",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.CreateVolume(ctx, s.Project, body, how)
				}})
		},
	}
	cmd.Flags().StringVar(&size, "size", "", "its size, such as 10GiB")
	cmd.Flags().StringVar(&image, "image", "", "the image that it begins as")
	s.LiveFlag(cmd, "image", s.Images)
	keyed(s, cmd, &key)
	shape(s, cmd, &format, &pool, &labels)
	session.Values(cmd, "size", "1GiB", "10GiB", "100GiB")
	s.Mutates(cmd)
	return cmd
}

// shape gives cmd the flags that describe a volume.
func shape(s *session.Session, cmd *cobra.Command, format, pool *string, labels *[]string) {
	cmd.Flags().StringVar(format, "format", string(storage.Raw), "raw or qcow2; it is never guessed")
	cmd.Flags().StringVar(pool, "pool", "", "the pool it is kept in ("+storage.DefaultPool+" when absent)")
	cmd.Flags().StringArrayVar(labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "format", string(storage.Raw), string(storage.QCOW2))
	s.LiveFlag(cmd, "pool", s.Pools)
}

// keyed gives cmd the flag that says what a new volume is encrypted with.
func keyed(s *session.Session, cmd *cobra.Command, key *string) {
	cmd.Flags().StringVar(key, "encryption", "", "the key that it is encrypted with, or none (key "+storage.DefaultKey+" where there is one, when absent)")
	s.LiveFlag(cmd, "encryption", s.Keys)
}

func volume(name, format, pool string, labels []string) (wire.CreateVolume, error) {
	body := wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Pool: pool, Format: storage.Format(format)}}
	if f := body.Format; f != storage.Raw && f != storage.QCOW2 {
		return body, report.Usage("--format raw, or --format qcow2", "--format %q: there is no such value", format)
	}
	var err error
	body.Labels, err = session.Labels(labels)
	return body, err
}

func list(s *session.Session) *cobra.Command {
	return session.ListCommand(s, "List volumes",
		"Lists volumes: their size, the room that they take, and which VM uses them.",
		"  hv volume list\n  hv volume list -o name", listing)
}

func listing(s *session.Session, c *client.Client) session.Listing[wire.Volume] {
	return session.Listing[wire.Volume]{
		Get: func(ctx context.Context, opt client.ListOptions) (client.Page[wire.Volume], error) {
			return c.VolumePage(ctx, s.Project, opt)
		},
		Table: output.Table{Columns: []output.Column{
			{Title: "NAME", Cut: true}, {Title: "SIZE", Right: true}, {Title: "TAKES", Right: true}, {Title: "FORMAT"}, {Title: "USED BY", Cut: true}, {Title: "AGE", Right: true},
			{Title: "POOL", Wide: true}, {Title: "ORIGIN", Wide: true}, {Title: "STATE", Wide: true},
		}},
		Name: func(v wire.Volume) string { return v.Metadata.Name },
		Row: func(v wire.Volume) []string {
			return []string{
				v.Metadata.Name, v.Spec.Size.String(), v.Usage.Allocated.String(), string(v.Spec.Format), v.Usage.UsedBy,
				output.Age(s.Now(), v.Metadata.Created), v.Spec.Pool, string(v.Metadata.Origin), state(v),
			}
		},
		Empty: "no volumes yet: hv volume create NAME --size 10GiB, or hv volume import NAME FILE",
	}
}

func state(v wire.Volume) string {
	switch {
	case v.Problem != "":
		return v.Problem
	case v.Ready:
		return "ready"
	}
	return "being made"
}

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show one volume",
		Long:              "Shows one volume. -o json prints the API's object and nothing else.",
		Example:           "  hv volume show web-root",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			v, err := c.Volume(cmd.Context(), s.Ref(args[0]))
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, v)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, v.Metadata.Name)
				return nil
			}
			fmt.Fprintf(s.Out, "volume %s: %s\n", v.Metadata.Name, state(v))
			var f output.Fields
			f.Add("size", v.Spec.Size.String())
			f.Add("takes", v.Usage.Allocated.String())
			f.Add("format", string(v.Spec.Format))
			f.Add("pool", v.Spec.Pool)
			f.Add("encrypted", keyWords(v))
			f.Add("used by", v.Usage.UsedBy)
			f.Add("sha256", v.SHA256)
			if v.Check != nil {
				f.Add("checked", output.Moment(s.Now(), v.Check.At)+": "+health(*v.Check))
			}
			f.Add("origin", string(v.Metadata.Origin))
			f.Add("created", output.Moment(s.Now(), v.Metadata.Created))
			f.Add("uid", v.Metadata.UID)
			return f.Write(s.Out)
		},
	}
}

func remove(s *session.Session) *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:     "delete NAME…",
		Aliases: []string{"rm"},
		Short:   "Put volumes into the trash, or delete them for ever",
		Long: `Puts volumes into the trash, from which hv volume trash restore takes them back until the retention of their pool
is over. With --now they and what is on them are gone at once, for ever. hv asks first. A volume that a VM uses is
refused. What lies in the trash takes the room that it took.`,
		Example: "  hv volume delete web-root\n  hv volume delete web-root --now",
		Args:    s.Some("volume"), ValidArgsFunction: s.Live(0, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := s.Client()
			if err != nil {
				return err
			}
			if args, err = listing(s, c).Chosen(ctx, s, args); err != nil {
				return err
			}
			past := "put into the trash; hv volume trash restore brings it back"
			if now {
				past = "deleted for ever"
			}
			all := change.Each("volume", "delete", past, args, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
				return c.DeleteVolume(ctx, s.Ref(name), now, how)
			})
			if len(all) == 1 && !s.DryRun && !s.Yes { // what is refused is not asked about
				if err := all[0].May(ctx, c); err != nil {
					return err
				}
			}
			if !s.DryRun && len(args) > 0 {
				if err := confirmLoss(ctx, s, c, args, now); err != nil {
					return err
				}
			}
			return change.Run(ctx, s, all...)
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "for ever and at once: not into the trash")
	s.Mutates(cmd)
	s.Selects(cmd)
	s.Asks(cmd)
	return cmd
}

// confirmLoss says what is on the volumes, as far as it can be told, and asks.
func confirmLoss(ctx context.Context, s *session.Session, c *client.Client, names []string, now bool) error {
	if s.Yes {
		return nil
	}
	var lost []string
	for _, name := range names {
		v, err := c.Volume(ctx, s.Ref(name))
		if errors.Is(err, fault.NotFound) {
			continue // for the daemon to refuse
		}
		if err != nil {
			return err
		}
		lost = append(lost, fmt.Sprintf("volume %s: %s, %s written", name, v.Spec.Size, v.Usage.Allocated))
	}
	if len(lost) == 0 {
		return nil
	}
	what := "this puts into the trash"
	if now {
		what = "this deletes, for ever"
	}
	fmt.Fprintf(s.Err, "%s:\n  %s\n", what, strings.Join(lost, "\n  "))
	return s.Confirm(ctx, "delete?")
}

// keyWords says which key a volume is encrypted with.
func keyWords(v wire.Volume) string {
	if v.Spec.Encryption == "" {
		return ""
	}
	return "with key " + v.Spec.Encryption
}
