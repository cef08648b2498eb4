package guests

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// CloudInit returns `hv vm cloud-init`.
func CloudInit(s *session.Session) *cobra.Command {
	var secrets bool
	cmd := &cobra.Command{
		Use:   "cloud-init NAME",
		Short: "Show what a VM's guest is told at its first boot",
		Long: `Shows what a VM's guest is told at its first boot by cloud-init: meta data, user data, vendor data and the network, as
they stand on the disk that the guest finds them on. What is named like a secret is hidden, and of user data and vendor data
by hand all but the first line; --show-secrets shows it to root.

Words are in the VM's spec: cloudInit = { user = "me"; sshKeys = [ "ssh-ed25519 AAAA… me" ]; packages = [ "nginx" ]; }.`,
		Example:           "  hv vm cloud-init first\n  sudo hv vm cloud-init first --show-secrets",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			got, err := c.CloudInit(cmd.Context(), s.Ref(args[0]), secrets)
			if err != nil {
				return err
			}
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, got)
			}
			out := s.Out.Foreign() // others may have written it
			for _, f := range []struct{ name, text string }{
				{"meta-data", got.MetaData}, {"user-data", got.UserData}, {"vendor-data", got.VendorData}, {"network-config", got.NetworkConfig},
			} {
				if f.text != "" {
					fmt.Fprintf(out, "# --- %s\n%s\n", f.name, f.text)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&secrets, "show-secrets", false, "show secrets too; for root")
	return cmd
}
