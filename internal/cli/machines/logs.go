package machines

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

func logs(s *session.Session) *cobra.Command {
	var log string
	var follow bool
	var tail int
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a VM's guest wrote to its serial console, or what QEMU said",
		Long: `Prints what a VM's guest wrote to its serial console in this run, --log serial-previous in the run before;
--log qemu prints what QEMU complained about in its last run. On a terminal, what a guest could make the terminal
obey is left away; into a file or a pipe goes every byte.`,
		Example:           "  hv vm logs first\n  hv vm logs first --tail 20 -f",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			opt := client.LogOptions{Follow: follow}
			if tail >= 0 {
				n, err := lastLines(cmd.Context(), s, c, args[0], log, tail)
				if err != nil {
					return err
				}
				opt.Tail = &n
			}
			r, err := c.Logs(cmd.Context(), s.Ref(args[0]), log, opt)
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }()
			return copyLog(cmd.Context(), s, r)
		},
	}
	cmd.Flags().StringVar(&log, "log", "serial", "serial, serial-previous (of the run before) or qemu")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written")
	cmd.Flags().IntVar(&tail, "tail", -1, "only the last so many lines (all when absent)")
	session.Values(cmd, "log", "serial", "serial-previous", "qemu")
	session.Values(cmd, "tail", "10", "100")
	return cmd
}

// lastLines returns how many bytes the last n lines have, in which the daemon counts.
func lastLines(ctx context.Context, s *session.Session, c *client.Client, name, log string, n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	r, err := c.Logs(ctx, s.Ref(name), log, client.LogOptions{})
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	const most = 32 << 20 // twice what the daemon keeps
	text, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return 0, err
	}
	at := len(bytes.TrimSuffix(text, []byte("\n")))
	for ; n > 0 && at >= 0; n-- {
		at = bytes.LastIndexByte(text[:at], '\n')
	}
	return len(text) - at - 1, nil
}

func copyLog(ctx context.Context, s *session.Session, r io.Reader) error {
	var w io.Writer = s.Out
	if s.Out.IsTerminal() {
		w = &screen.Filter{W: s.Out}
	}
	_, err := io.Copy(w, r)
	if ctx.Err() != nil {
		return report.Stopped(ctx)
	}
	if err != nil {
		return fmt.Errorf("the log broke off: %w", err)
	}
	return nil
}
