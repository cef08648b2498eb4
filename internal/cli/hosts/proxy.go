package hosts

import (
	"io"
	"net"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Proxy returns `hv proxy`.
func Proxy(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "proxy [SOCKET]",
		Short: "Pass on a daemon's API over stdin and stdout",
		Long: `Passes on the API of this host's daemon: what comes in at stdin goes to its socket, what it answers to stdout.

It is what hv on another machine runs here over ssh (hv help hosts). The daemon sees the user who runs it, so that
a login has no more rights over ssh than it has here. It needs no terminal and asks nothing.`,
		Example: "  hv proxy </dev/null     says hv-proxy 1 null where this user may speak to the daemon",
		Args: func(cmd *cobra.Command, args []string) error {
			return session.Exactly("SOCKET")(cmd, append(args, make([]string, max(0, 1-len(args)))...))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			socket := ""
			if len(args) > 0 {
				socket = args[0]
			}
			conn, err := connect(cmd, s, socket)
			if err != nil {
				p := report.Problem(err)
				_ = client.Greet(s.World.Out, &p) // who cannot be told by this way reads stderr
				return err
			}
			defer func() { _ = conn.Close() }()
			if err := client.Greet(s.World.Out, nil); err != nil {
				return err
			}
			return relay(conn, s.In, s.World.Out)
		},
	}
}

func connect(cmd *cobra.Command, s *session.Session, socket string) (net.Conn, error) {
	path, err := s.Socket(socket)
	if err != nil {
		return nil, err
	}
	return client.Connect(cmd.Context(), path)
}

// relay copies both ways until the daemon has nothing more to say. When nothing more comes in, the daemon
// hears that: it ends what it still does for this connection.
func relay(conn net.Conn, in io.Reader, out io.Writer) error {
	go func() {
		_, _ = io.Copy(conn, in)
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // a daemon that is gone hears nothing
		}
	}()
	_, err := io.Copy(out, conn)
	return fault.Wrap(err, "cannot pass on what the daemon says")
}
