package volumes

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

var exportFormats = []string{"raw", "qcow2", "vmdk", "vmdk-stream", "vhdx"}

// export is `hv volume export`.
func export(s *session.Session) *cobra.Command {
	var format string
	var force bool
	cmd := &cobra.Command{
		Use:   "export NAME FILE",
		Short: "Write what is in a volume into a file",
		Long: `Writes what is in a volume, with all its layers, into one image file: qcow2, raw, vmdk or vhdx, by --format or else by how
FILE ends; qcow2 where that says nothing. The host makes the image first, which takes room in the volume's pool for a while; then it
is sent and written here, with your rights, and zeros become holes. A file that exists is refused without --force.

A VM that is started meanwhile waits until the image is made. A volume that a VM runs with is refused: what is read would be of
no one moment. hv volume clone makes a copy of one moment under the VM, and that can be exported.`,
		Example:           "  hv volume export web-root ./web-root.qcow2\n  hv volume export web-root ./web-root.vmdk --format vmdk",
		Args:              session.Exactly("NAME", "FILE"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format == "" {
				format = "qcow2"
				if ends := strings.TrimPrefix(filepath.Ext(args[1]), "."); slices.Contains(exportFormats, ends) {
					format = ends
				}
			}
			if !slices.Contains(exportFormats, format) {
				return report.Usage("--format "+strings.Join(exportFormats, "|"), "format %q is none of %s", format, strings.Join(exportFormats, ", "))
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			s.Notice("the host makes a %s image of volume/%s", format, args[0])
			from, total, err := c.VolumeContent(cmd.Context(), s.Ref(args[0]), format)
			if err != nil {
				return err
			}
			defer func() { _ = from.Close() }()
			return follow.Export(s, "volume/"+args[0], from, total, args[1], force)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "of the file: raw, qcow2, vmdk, vmdk-stream (as in an OVA) or vhdx")
	session.Values(cmd, "format", exportFormats...)
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that exists")
	return cmd
}
