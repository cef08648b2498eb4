package volumes

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

// BootFiles returns `hv boot-file`.
func BootFiles(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "boot-file",
		Short: "Import and delete kernels and initrds",
		Long: `Imports and deletes boot files: Linux kernels and initrds that VMs boot directly, without firmware or boot
loader. A VM names them in its boot section.`,
		Example: "  hv boot-file import debian-kernel /boot/vmlinuz --kind kernel\n  hv boot-file list",
	}
	cmd.AddCommand(importBootFile(s), listBootFiles(s), removeBootFiles(s))
	return cmd
}

func importBootFile(s *session.Session) *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "import NAME FILE --kind kernel|initrd",
		Short: "Import a kernel or an initrd",
		Long: `Imports a kernel or an initrd. The file is read here, with your rights, and kept by its content. A name that exists
gets the new content; a VM that runs keeps what it was started with. The same content again changes nothing.`,
		Example:           "  hv boot-file import debian-kernel /boot/vmlinuz --kind kernel",
		Args:              session.Exactly("NAME", "FILE"),
		ValidArgsFunction: second,
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind != string(storage.KernelFile) && kind != string(storage.InitrdFile) {
				what := "--kind is missing: say what the file is"
				if kind != "" {
					what = fmt.Sprintf("--kind %q: there is no such value", kind)
				}
				return report.Usage("--kind kernel, or --kind initrd", "%s", what)
			}
			from, err := open(args[1])
			if err != nil {
				return err
			}
			defer from.close()
			c, err := s.Client()
			if err != nil {
				return err
			}
			have, err := c.BootFile(cmd.Context(), s.Ref(args[0]))
			if err == nil && have.Size == from.size && string(have.Content) == kind && from.is(have.SHA256) {
				return already(s, "boot-file", args[0])
			}
			return run(cmd.Context(), s, "boot-file", args[0], from, func(ctx context.Context, c *client.Client, tell client.Progress, how client.Change) (client.Result, error) {
				return c.ImportBootFile(ctx, s.Ref(args[0]), storage.BootKind(kind), from.size, from.file, tell, how)
			})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "kernel or initrd")
	session.Values(cmd, "kind", string(storage.KernelFile), string(storage.InitrdFile))
	s.Mutates(cmd)
	return cmd
}

func listBootFiles(s *session.Session) *cobra.Command {
	return session.ListCommand(s, "List kernels and initrds",
		"Lists kernels and initrds, and which VMs boot from them.",
		"  hv boot-file list", bootListing)
}

func bootListing(s *session.Session, c *client.Client) session.Listing[wire.BootFile] {
	return session.Listing[wire.BootFile]{
		Get: func(ctx context.Context, opt client.ListOptions) (client.Page[wire.BootFile], error) {
			return c.BootFilePage(ctx, s.Project, opt)
		},
		Table: output.Table{Columns: []output.Column{
			{Title: "NAME", Cut: true}, {Title: "KIND"}, {Title: "SIZE", Right: true}, {Title: "USED BY", Cut: true}, {Title: "AGE", Right: true},
			{Title: "SHA256", Wide: true},
		}},
		Name: func(b wire.BootFile) string { return b.Metadata.Name },
		Row: func(b wire.BootFile) []string {
			return []string{
				b.Metadata.Name, string(b.Content), approx(b.Size), strings.Join(b.UsedBy, ", "), output.Age(s.Now(), b.Metadata.Created), b.SHA256,
			}
		},
		Empty: "no boot files yet: hv boot-file import NAME FILE --kind kernel",
	}
}

// approx is a size that is not a round one, as a person reads it.
func approx(b model.Bytes) string {
	for _, unit := range []model.Bytes{model.GiB, model.MiB, model.KiB} {
		if b >= 10*unit {
			return (b / unit * unit).String()
		}
	}
	return b.String()
}

func removeBootFiles(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME…",
		Aliases:           []string{"rm"},
		Short:             "Delete kernels and initrds",
		Long:              "Deletes kernels and initrds. One that a VM names is refused.",
		Example:           "  hv boot-file delete debian-kernel",
		Args:              s.Some("boot file"),
		ValidArgsFunction: s.Live(0, s.BootFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			if args, err = bootListing(s, c).Chosen(cmd.Context(), s, args); err != nil {
				return err
			}
			return change.Run(cmd.Context(), s, change.Each("boot-file", "delete", "deleted", args, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
				return c.DeleteBootFile(ctx, s.Ref(name), how)
			})...)
		},
	}
	s.Mutates(cmd)
	s.Selects(cmd)
	return cmd
}
