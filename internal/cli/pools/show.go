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
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show one pool, and who uses what of it",
		Long: `Shows one pool: how full it is, what it can do, and its volumes with what they take, those that take the most first.
What a volume has for itself would be free without it. -o json prints the API's object and nothing else.`,
		Example:           "  hv pool show default",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.Pools),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			p, err := c.Pool(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, p)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, p.Metadata.Name)
				return nil
			}
			return tell(s, p)
		},
	}
}

func tell(s *session.Session, p wire.Pool) error {
	fmt.Fprintf(s.Out, "pool %s: %s\n", p.Metadata.Name, state(p))
	var f output.Fields
	f.Add("kind", string(p.Spec.Kind))
	f.Add("where", p.Where)
	if p.Usage.Size > 0 {
		f.Add("used", fmt.Sprintf("%s of %s (%d %%), %s free", p.Usage.Used, p.Usage.Size, p.Usage.UsedPercent, p.Usage.Available))
	}
	if p.Usage.MetadataPercent > 0 {
		f.Add("metadata", fmt.Sprintf("%d %% full", p.Usage.MetadataPercent))
	}
	f.Add("promised", fmt.Sprintf("%s to %d volumes", p.Usage.Provisioned, p.Usage.Volumes))
	if p.Usage.Shared > 0 {
		f.Add("shared", p.Usage.Shared.String()+" by layers that several volumes stand on")
	}
	f.Add("warns", fmt.Sprintf("from %d %% on", p.Spec.WarnPercent))
	f.Add("stops", fmt.Sprintf("from %d %% on", p.Spec.StopPercent))
	f.Add("trash", p.Spec.Retention)
	f.Add("can", can(p.Can))
	f.Add("origin", string(p.Metadata.Origin))
	f.Add("uid", p.Metadata.UID)
	if err := f.Write(s.Out); err != nil {
		return err
	}
	for _, found := range p.Findings {
		s.Notice("%s (%s)", found.What, found.Code)
	}
	if len(p.Users) == 0 {
		return nil
	}
	fmt.Fprintln(s.Out)
	t := output.Table{Columns: []output.Column{
		{Title: "VOLUME", Cut: true}, {Title: "SIZE", Right: true}, {Title: "TAKES", Right: true}, {Title: "FOR ITSELF", Right: true}, {Title: "USED BY", Cut: true},
	}}
	for _, u := range p.Users {
		own := ""
		if u.Usage.Exclusive != nil {
			own = u.Usage.Exclusive.String()
		}
		t.Add(model.Ref{Project: u.Project, Name: u.Volume}.String(), u.Usage.Virtual.String(), u.Usage.Allocated.String(), own, u.UsedBy)
	}
	return s.Table(&t, "")
}

// can is what a pool can do in words.
func can(c storage.Capabilities) string {
	words := []string{}
	for _, f := range c.Formats {
		words = append(words, string(f))
	}
	for _, w := range []struct {
		can  bool
		word string
	}{
		{c.Thin, "thin"}, {c.Grow, "grows online"}, {c.Reflink, "copies at once"}, {c.Overlays, "linked clones"}, {c.Block, "block devices"}, {c.Shared, "shared by hosts"},
	} {
		if w.can {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", ")
}

// Storage returns `hv storage`.
func Storage(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "storage",
		Short:   "Rebuild what the store has lost of volumes",
		Long:    "Holds what concerns all pools at once.",
		Example: "  hv storage recover --dry-run",
	}
	cmd.AddCommand(recovery(s))
	return cmd
}

func recovery(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Rebuild what the store has lost from the notes on the pools",
		Long: `Reads all pools and rebuilds the pools and volumes that the store does not have, from the notes that stand beside their
content. What is in the store is left as it is. --dry-run says what would be rebuilt, and what cannot be. VMs are not
rebuilt: declare or create them again, by the same names. Only root may.`,
		Example: "  hv storage recover --dry-run\n  hv storage recover",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			one := change.Change{Noun: "storage", Name: "notes", Verb: "recover", Past: "read",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					res, err := c.RecoverStorage(ctx, how)
					if err == nil && res.Operation != nil && !s.Output.ForPrograms() {
						for _, step := range res.Operation.Steps {
							s.Notice("%s", step.Name)
						}
						report.Findings(s.Err, res.Operation.Findings)
						if len(res.Operation.Steps) == 0 {
							s.Notice("nothing was lost: the store knows everything that the pools have notes of")
						}
					}
					return res, err
				}}
			return change.Run(cmd.Context(), s, one)
		},
	}
	s.Mutates(cmd)
	return cmd
}
