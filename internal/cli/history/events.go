package history

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Events returns `hv events`.
func Events(s *session.Session) *cobra.Command {
	var opt client.EventOptions
	var limit int
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Follow what happens on the host",
		Long: `Follows what happens on the host, one line an event, until Ctrl-C. -o json prints one CloudEvent a line.

--from goes on where a list was true at (its revision + 1), or an earlier call ended.`,
		Example: "  hv events\n  hv events --type vm.state --subject vm/default/first",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			n := 0
			for ev, err := range c.Events(cmd.Context(), opt) {
				if err == nil {
					err = printEvent(s, ev)
				}
				if cmd.Context().Err() != nil {
					return report.Stopped(cmd.Context())
				}
				if err != nil {
					return err
				}
				if n++; n == limit {
					return nil
				}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&opt.Types, "type", nil, "only types that begin so: vm., operation.changed")
	cmd.Flags().StringVar(&opt.Subject, "subject", "", "only subjects that begin so: vm/default/web")
	cmd.Flags().Int64Var(&opt.From, "from", 0, "begin at this revision (now when absent)")
	cmd.Flags().IntVar(&limit, "limit", 0, "end after so many; 0 for never")
	session.Values(cmd, "type", "vm.", "vm.state.changed", "volume.", "boot-file.", "operation.", "config.applied", "host.changed")
	session.Values(cmd, "subject", "vm/", "volume/", "boot-file/", "operation/", "config/")
	session.Values(cmd, "limit", "1", "10")
	return cmd
}

func printEvent(s *session.Session, ev wire.Event) error {
	if s.Output.ForPrograms() {
		line, err := json.Marshal(ev)
		if err == nil {
			_, err = fmt.Fprintf(s.Out, "%s\n", line)
		}
		return err
	}
	_, err := fmt.Fprintf(s.Out, "%s  %-20s %-28s %s\n", ev.Time.Local().Format(time.TimeOnly), screen.Safe(ev.Type), screen.Safe(ev.Subject), brief(s, ev))
	return err
}

// brief is what an event says, in one line.
func brief(s *session.Session, ev wire.Event) string {
	var data struct {
		Action, State, Before, Reason, Problem string
		Target                                 struct{ Name string }
	}
	text := string(ev.Data)
	switch err := json.Unmarshal(ev.Data, &data); {
	case err != nil || data.State == "":
	case data.Action != "": // its "before" is a wish, not a state
		text = data.Action + " " + data.Target.Name + ": " + data.State
	default:
		text = strings.TrimPrefix(data.Before+" → "+data.State, " → ")
		for _, more := range []string{data.Reason, data.Problem} {
			if more != "" {
				text += ", " + more
			}
		}
	}
	return screen.Cut(screen.Safe(text), max(s.Out.Width()-62, 0))
}
