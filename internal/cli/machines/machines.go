// Package machines holds `hv vm`.
//
// What lives here: the commands about VMs but the console (package console). What does not: how changes are
// asked for and followed (change, follow).
package machines

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/appliances"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/console"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/editor"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/guests"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/top"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/vnc"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv vm`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "vm",
		Short:   "Create, run and look at VMs",
		Long:    "Creates, runs and looks at VMs.",
		Example: "  hv vm create -f examples/first-vm.nix\n  hv vm start first\n  hv vm console first",
	}
	cmd.AddCommand(create(s), remove(s), list(s), show(s), console.Command(s), vnc.Command(s), screenshot(s), top.Command(s), cdrom(s), logs(s), wait(s), label(s), setting(s), rename(s), clone(s), editor.Command(s, chosen),
		appliances.Export(s), appliances.Import(s), guests.Exec(s), guests.CloudInit(s), guests.Guest(s), guests.Password(s), guests.Time(s), guests.Trim(s))
	for _, v := range verbs {
		cmd.AddCommand(power(s, v))
	}
	return cmd
}

// listing is how VMs are listed.
func listing(s *session.Session, c *client.Client) session.Listing[wire.VMSummary] {
	return session.Listing[wire.VMSummary]{
		Get: func(ctx context.Context, opt client.ListOptions) (client.Page[wire.VMSummary], error) {
			return c.VMPage(ctx, s.Project, opt)
		},
		Table: table(),
		Name:  func(v wire.VMSummary) string { return v.Name },
		Row:   func(v wire.VMSummary) []string { return row(s.Now(), v) },
		Empty: "no VMs yet: hv vm create -f examples/first-vm.nix, or hv help vm",
	}
}

// chosen are the VMs that the arguments name or -l chooses.
func chosen(ctx context.Context, s *session.Session, args []string) ([]string, error) {
	c, err := s.Client()
	if err != nil {
		return nil, err
	}
	names, err := listing(s, c).Chosen(ctx, s, args)
	if err == nil && len(names) == 0 && s.Selector != "" {
		s.Notice("no vm has labels that match %s", s.Selector)
	}
	return names, err
}
