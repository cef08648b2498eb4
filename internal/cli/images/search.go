package images

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/begin"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/cloud"
)

func search(s *session.Session) *cobra.Command {
	var source string
	cmd := &cobra.Command{
		Use:   "search [WORD…]",
		Short: "Search the catalogue of distributions, or what a source lists",
		Long: `Searches the catalogue of the images that well-known distributions publish: those that have every word in their name or
title. It needs no daemon and no network.

With --source NAME hvd asks that source (hv image source list) what it lists.`,
		Example: "  hv image search\n  hv image search debian\n  hv image search --source ours debian\n  hv image search -o json ubuntu lts",
		RunE: func(cmd *cobra.Command, args []string) error {
			if source != "" {
				return searchSource(cmd.Context(), s, source, args)
			}
			found := cloud.Search(args...)
			switch {
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, found)
			case len(found) == 0:
				return fault.New(fault.NotFound, "the catalogue has nothing with %q", strings.Join(args, " ")).Try("hv image search").WithCode("HV-IMG-020")
			}
			t := output.Table{Columns: []output.Column{
				{Title: "NAME"}, {Title: "ALSO"}, {Title: "TITLE", Cut: true}, {Title: "USER"}, {Title: "MEMORY", Right: true}, {Title: "DISK", Right: true},
				{Title: "URL", Wide: true},
			}}
			for _, e := range found {
				if s.Output == output.Name {
					fmt.Fprintln(s.Out, begin.Named(e.Name))
					continue
				}
				t.Add(begin.Named(e.Name), strings.Join(e.Aliases, ", "), e.Title, e.User, e.Needs.Memory.String(), e.Needs.Disk.String(), e.URL)
			}
			if s.Output == output.Name {
				return nil
			}
			return t.Write(s.Out, s.Output == output.Wide)
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "ask this source what it lists")
	s.LiveFlag(cmd, "source", s.ImageSources)
	return cmd
}

func export(s *session.Session) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "export NAME FILE",
		Short: "Write an image into a file",
		Long: `Writes an image into a file: a disk as qcow2, an ISO as it is. The file is written here, with your rights; one that exists
is refused without --force.`,
		Example:           "  hv image export debian-12 ./debian-12.qcow2",
		Args:              session.Exactly("NAME", "FILE"),
		ValidArgsFunction: s.Live(1, s.Images),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c, err := s.Client()
			if err != nil {
				return err
			}
			from, total, err := c.ImageContent(cmd.Context(), s.Ref(args[0]))
			if err != nil {
				return err
			}
			defer func() { _ = from.Close() }()
			return follow.Export(s, "image/"+args[0], from, total, args[1], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that exists")
	return cmd
}
