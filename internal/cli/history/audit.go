package history

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Audit returns `hv audit`.
func Audit(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read, verify and export the audit log",
		Long: `Reads the audit log: who asked for which change, and what became of it. Only root reads it.

hv audit list asks the daemon; the others read the log's folder, this host's or a copy of it, and need no daemon.`,
		Example: "  sudo hv audit list\n  sudo hv audit verify",
	}
	cmd.AddCommand(listAudit(s), verifyAudit(s), exportAudit(s), proveAudit(s), headAudit(s), keyAudit(s))
	return cmd
}

func listAudit(s *session.Session) *cobra.Command {
	var tail int
	var after int64
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List records of the audit log, oldest first",
		Long: `Lists records of the audit log, oldest first: an intent before a change, its outcome after. The last 50 are shown;
--tail 0 shows all, --after those behind a record.`,
		Example: "  sudo hv audit list\n  sudo hv audit list --tail 0 -o json",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			c, err := s.Client()
			if err != nil {
				return err
			}
			var opt client.ListOptions
			switch {
			case cmd.Flags().Changed("after"):
				opt.Cursor = strconv.FormatInt(after, 10)
			case tail > 0:
				if opt, err = last(ctx, c, tail); err != nil {
					return err
				}
			}
			_, err = auditListing(c).Print(ctx, s, opt)
			return err
		},
	}
	cmd.Flags().IntVar(&tail, "tail", 50, "the last so many; 0 for all")
	cmd.Flags().Int64Var(&after, "after", 0, "those behind the record of this number")
	session.Values(cmd, "tail", "0", "50", "1000")
	return cmd
}

// last is where the last n records begin. Records are numbered without gaps.
func last(ctx context.Context, c *client.Client, n int) (client.ListOptions, error) {
	first, err := c.AuditPage(ctx, client.ListOptions{Limit: 1})
	if err != nil || len(first.Items) == 0 || first.Total <= n {
		return client.ListOptions{}, err
	}
	return client.ListOptions{Cursor: strconv.FormatInt(first.Items[0].Seq+int64(first.Total-n)-1, 10)}, nil
}

func auditListing(c *client.Client) session.Listing[wire.AuditRecord] {
	return session.Listing[wire.AuditRecord]{
		Get: c.AuditPage,
		Table: output.Table{Columns: []output.Column{
			{Title: "SEQ", Right: true}, {Title: "TIME"}, {Title: "WHO"}, {Title: "ACTION"}, {Title: "TARGET", Cut: true}, {Title: "PHASE"}, {Title: "RESULT", Paint: resultPaint},
			{Title: "OPERATION", Wide: true}, {Title: "DETAIL", Wide: true},
		}},
		Name: func(r wire.AuditRecord) string { return strconv.FormatInt(r.Seq, 10) },
		Row: func(r wire.AuditRecord) []string {
			return []string{
				fmt.Sprint(r.Seq), r.Time.Local().Format(time.DateTime), output.Actor(r.Actor), r.Action, r.Target, r.Phase, r.Result, r.Operation, r.Detail,
			}
		},
		Empty: "the audit log is empty",
	}
}

func resultPaint(result string) screen.Paint {
	switch result {
	case "failed", "refused":
		return screen.Red
	case "done":
		return screen.Green
	}
	return screen.Dim
}
