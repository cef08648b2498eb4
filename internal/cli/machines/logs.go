package machines

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// previous ends the name of a log of the run before.
const previous = "-previous"

func logs(s *session.Session) *cobra.Command {
	var log string
	var follow, before bool
	var tail int
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a VM's guest wrote to its serial console, or what QEMU said",
		Long: `Prints what a VM's guest wrote to its serial console in its last run; --log qemu prints what QEMU complained about.
--previous prints those of the run before. --follow goes on, also with the VM's next run. Of each log the newest 8 to 16 MiB are
kept, from the beginning of a line on. On a terminal, what a guest could make the terminal obey is left away; into a file or a pipe
goes every byte.`,
		Example:           "  hv vm logs first\n  hv vm logs first --tail 20 -f\n  hv vm logs first --previous",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			opt := client.LogOptions{Follow: follow}
			if tail >= 0 {
				opt.Lines = &tail
			}
			if before && !strings.HasSuffix(log, previous) {
				log += previous
			}
			r, err := c.Logs(cmd.Context(), s.Ref(args[0]), log, opt)
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }()
			return copyLog(cmd.Context(), s, r)
		},
	}
	cmd.Flags().StringVar(&log, "log", "serial", "serial or qemu; with -previous behind it, that of the run before")
	cmd.Flags().BoolVar(&before, "previous", false, "of the run before this one")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written")
	cmd.Flags().IntVar(&tail, "tail", -1, "only the last so many lines (all when absent)")
	session.Values(cmd, "log", "serial", "qemu", "serial-previous", "qemu-previous")
	session.Values(cmd, "tail", "10", "100")
	return cmd
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
