package images

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/begin"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Dev returns `hv dev`.
func Dev(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Ready VMs for developers",
		Long: `Makes ready VMs for developers, of three definitions: web, database and build. Each is a size, an image and what the guest installs at
its first boot. The feature devEnvironments has to be on: hv feature explain devEnvironments.`,
		Example: "  hv dev list\n  hv dev create shop web\n  hv vm list -l environment\n  hv vm delete shop --volumes",
	}
	cmd.AddCommand(devList(s), devCreate(s))
	return cmd
}

func devList(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the development environments that the host offers",
		Long:    "Lists the development environments that the host offers. Those that were made are VMs: hv vm list -l environment.",
		Example: "  hv dev list\n  hv dev list -o json",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			all, err := c.Environments(cmd.Context())
			if err != nil {
				return err
			}
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, all)
			}
			t := output.Table{Columns: []output.Column{
				{Title: "NAME"}, {Title: "SIZE"}, {Title: "IMAGE"}, {Title: "WHAT IS READY", Cut: true}, {Title: "PACKAGES", Wide: true}, {Title: "TRY", Wide: true},
			}}
			for _, e := range all {
				if s.Output == output.Name {
					fmt.Fprintln(s.Out, e.Name)
					continue
				}
				t.Add(e.Name, e.InstanceType, e.Image, e.What, strings.Join(e.Packages, " "), e.Try)
			}
			if s.Output == output.Name {
				return nil
			}
			return t.Write(s.Out, s.Output == output.Wide)
		},
	}
}

func devCreate(s *session.Session) *cobra.Command {
	r := &running{Session: s, network: vm.UserNetwork}
	var image string
	cmd := &cobra.Command{
		Use:   "create NAME ENVIRONMENT",
		Short: "Make a development environment, start it and say how to get in",
		Long: `Makes a VM of a development environment (hv dev list): fetches its image where the library lacks it, makes a volume that begins as it,
makes and starts the VM, and waits until the guest answers. At its first boot the guest installs what the environment has, from its
distribution's mirrors; without a network it is as it was made, and cloud-init says so.`,
		Example: "  hv dev create shop web\n  hv dev create ci build --instance-type large --ssh-key ~/.ssh/id_ed25519.pub",
		Args:    session.Exactly("NAME", "ENVIRONMENT"),
		ValidArgsFunction: s.Live(2, func(ctx context.Context, c *client.Client) ([]string, error) {
			all, err := c.Environments(ctx)
			var names []string
			for _, e := range all {
				names = append(names, e.Name+"\t"+e.What)
			}
			return names, err
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.name = args[0]
			return r.environment(cmd.Context(), args[1], image)
		},
	}
	f := cmd.Flags()
	f.StringVar(&image, "image", "", "another image than the environment's, which is like Debian")
	f.StringVar(&r.size.Type, "instance-type", "", "another size: hv instance-type list")
	f.StringArrayVar(&r.keys, "ssh-key", nil, "a file with public SSH keys (~/.ssh/*.pub when absent)")
	f.BoolVar(&r.noWait, "no-wait", false, "do not wait until the guest answers")
	session.Values(cmd, "instance-type", begin.InstanceTypes()...)
	s.LiveFlag(cmd, "image", s.Images)
	if err := cmd.MarkFlagFilename("ssh-key", "pub"); err != nil {
		panic("cli: " + err.Error())
	}
	return cmd
}

// environment makes one. Whether it may is asked before anything is fetched or made.
func (r *running) environment(ctx context.Context, name, other string) error {
	keys, err := begin.PublicKeys(r.keys)
	if err != nil {
		return err
	}
	c, err := r.Client()
	if err != nil {
		return err
	}
	if _, err := c.Environments(ctx); err != nil {
		return err
	}
	e, err := vm.FindEnvironment(name)
	if err != nil {
		return err
	}
	if _, err := c.VM(ctx, r.Ref(r.name)); err == nil {
		return fault.New(fault.Conflict, "vm %q exists already", r.name).Try("hv dev create ANOTHER %s", name)
	}
	image, err := begin.Image(ctx, r.Session, c, cmp.Or(other, e.Image))
	if err != nil {
		return err
	}
	if err := r.create(ctx, r.name, func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
		return c.CreateEnvironment(ctx, r.Project, wire.CreateEnvironment{
			Name: r.name, Environment: e.Name, Image: image.Metadata.Name, InstanceType: r.size.Type, User: image.Spec.User, SSHKeys: keys,
		}, how)
	}); err != nil {
		return err
	}
	r.Notice("in the guest: %s", e.Try)
	if r.noWait {
		return nil
	}
	return r.answer(ctx, c, r.name, image.Spec.User)
}
