package images

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// source is `hv image source`.
func source(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "source",
		Short: "Say which places list images",
		Long: `Adds, lists and removes sources: places that list images, beside the catalogue. A source is a simplestreams tree, as distributions
publish them, or a plain index: a folder with a file of sums, or a JSON file. Only root may add and remove them.`,
		Example: "  hv image source add ours https://images.example.org/\n  hv image search --source ours\n  hv image import web ours:web",
	}
	cmd.AddCommand(addSource(s), listSources(s), removeSource(s))
	return cmd
}

func addSource(s *session.Session) *cobra.Command {
	var body wire.AddImageIndex
	var kind string
	var labels []string
	cmd := &cobra.Command{
		Use:   "add NAME URL",
		Short: "Add a place that lists images",
		Long: `Adds a place that lists images. It is asked when somebody searches it or imports from it. Only root may.

With --kind simplestreams URL is the folder in which streams/v1/index.json lies. With --kind index it is a folder with a file of sums
(SHA256SUMS, SHA512SUMS), or a JSON file: {"images": [{"name": "web", "url": "web.qcow2", "sha256": "…", "version": "7"}]}. What lies
elsewhere than below it is not taken. Signatures are checked as those of files of sums are.`,
		Example: "  hv image source add ubuntu https://cloud-images.ubuntu.com/releases/ --kind simplestreams\n  hv image source add ours https://images.example.org/vm/",
		Args:    session.Exactly("NAME", "URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if body.Labels, err = session.Labels(labels); err != nil {
				return err
			}
			body.Name, body.URL, body.Kind = args[0], args[1], storage.IndexKind(kind)
			return change.Run(cmd.Context(), s, change.Change{Noun: "image-source", Name: body.Name, Verb: "add", Past: "added",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.AddImageSource(ctx, body, how)
				}})
		},
	}
	f := cmd.Flags()
	f.StringVar(&kind, "kind", string(storage.PlainIndex), "simplestreams, or index")
	f.BoolVar(&body.Insecure, "insecure-http", false, "fetch it and its images over plain http too")
	f.BoolVar(&body.Local, "local", false, "it may be on this host, or on its link")
	f.StringArrayVar(&labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "kind", string(storage.PlainIndex), string(storage.SimpleStreams))
	s.Mutates(cmd)
	return cmd
}

func listSources(s *session.Session) *cobra.Command {
	return session.ListCommand(s, "List the places that list images",
		"Lists the places that list images. The catalogue is not among them: it needs no network.",
		"  hv image source list", func(s *session.Session, c *client.Client) session.Listing[wire.ImageIndex] {
			return session.Listing[wire.ImageIndex]{
				Get: c.ImageSourcePage,
				Table: output.Table{Columns: []output.Column{
					{Title: "NAME", Cut: true}, {Title: "KIND"}, {Title: "URL", Cut: true}, {Title: "AGE", Right: true},
				}},
				Name: func(i wire.ImageIndex) string { return i.Metadata.Name },
				Row: func(i wire.ImageIndex) []string {
					return []string{i.Metadata.Name, string(i.Spec.Kind), i.Spec.URL, output.Age(s.Now(), i.Metadata.Created)}
				},
				Empty: "no image sources: hv image source add NAME URL; hv image search looks in the catalogue",
			}
		})
}

func removeSource(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "remove NAME…",
		Aliases:           []string{"rm"},
		Short:             "Forget places that list images",
		Long:              "Forgets places that list images. Images that came from there stay, and are updated from there. Only root may.",
		Example:           "  hv image source remove ours",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: s.Live(0, s.ImageSources),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change.Run(cmd.Context(), s, change.Each("image-source", "remove", "removed", args, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
				return c.RemoveImageSource(ctx, name, how)
			})...)
		},
	}
	s.Mutates(cmd)
	return cmd
}

// searchSource shows what a source lists.
func searchSource(ctx context.Context, s *session.Session, source string, words []string) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	found, err := c.ImageOffers(ctx, source, words...)
	switch {
	case err != nil:
		return err
	case s.Output.ForPrograms():
		return s.Output.Value(s.Out, found)
	case len(found.Offers) == 0:
		return fault.New(fault.NotFound, "image source %s lists nothing with %q", source, strings.Join(words, " ")).Try("hv image search --source %s", source).WithCode("HV-IMG-029")
	}
	t := output.Table{Columns: []output.Column{
		{Title: "NAME"}, {Title: "VERSION"}, {Title: "ARCH"}, {Title: "KIND"}, {Title: "SIZE", Right: true}, {Title: "TITLE", Cut: true},
		{Title: "ALSO", Wide: true, Cut: true}, {Title: "URL", Wide: true},
	}}
	for _, o := range found.Offers {
		if s.Output == output.Name {
			fmt.Fprintln(s.Out, source+":"+o.Name)
			continue
		}
		t.Add(source+":"+o.Name, o.Version, o.Arch, string(o.Kind), size(o.Size), cmp.Or(o.Title, o.OS), strings.Join(o.Aliases, ", "), o.URL)
	}
	if s.Output != output.Name {
		if err := t.Write(s.Out, s.Output == output.Wide); err != nil {
			return err
		}
	}
	if found.Left > 0 {
		s.Notice("%d more: name more words", found.Left)
	}
	s.Notice("signature of the list: %s", found.Signed)
	return nil
}
