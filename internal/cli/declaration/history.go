package declaration

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

func history(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "List the generations of the declaration",
		Long: `Lists the generations of the declaration that are kept, newest first: each that was applied, when, by whom and why.
The newest stands. The last 50 are kept.

hv config show --generation N shows one, hv config diff @N compares it, hv config rollback N lets it stand again.`,
		Example: "  hv config history\n  hv config history -o json",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			all, err := c.Generations(cmd.Context())
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, all)
			}
			t := output.Table{Columns: []output.Column{
				{Title: "GENERATION", Right: true}, {Title: "AGE", Right: true}, {Title: "BY"}, {Title: "VMS", Right: true}, {Title: "DIGEST"}, {Title: "MESSAGE", Cut: true},
				{Title: "SOURCE", Wide: true},
			}}
			for _, g := range all.Items {
				if s.Output == output.Name {
					fmt.Fprintln(s.Out, g.Generation)
					continue
				}
				message := g.Message
				if g.Restores > 0 {
					message = strings.TrimSpace(fmt.Sprintf("as generation %d  %s", g.Restores, message))
				}
				if g.Incomplete {
					message = strings.TrimSpace("(incomplete) " + message)
				}
				t.Add(strconv.FormatInt(g.Generation, 10), output.Age(s.Now(), g.Applied), output.Actor(g.By), strconv.Itoa(g.VMs), brief(g.Digest), screen.Safe(message), g.Source)
			}
			if s.Output == output.Name {
				return nil
			}
			return s.Table(&t, "no declaration was applied yet: hv config apply FILE")
		},
	}
}

// brief is the beginning of a digest, which tells it from those beside it.
func brief(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(len(digest), 12)]
}

func rollback(s *session.Session) *cobra.Command {
	a := applying{s: s}
	cmd := &cobra.Command{
		Use:   "rollback [GENERATION]",
		Short: "Let an earlier generation of the declaration stand again",
		Long: `Lets the content of an earlier generation stand again, the one before the last where none is named. It becomes a
generation of its own, so that a rollback is rolled back like anything else.

As hv config apply it shows the plan first and asks. What the later generation has made is stopped and kept. Only
root may.`,
		Example: "  sudo hv config rollback\n  sudo hv config rollback 3 --dry-run",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return report.Usage("hv config rollback 3", "name one generation, or none")
			}
			return nil
		},
		ValidArgsFunction: s.Live(1, s.Generations),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.usage(strings.Join(append([]string{"rollback"}, args...), " ")); err != nil {
				return err
			}
			n, what := int64(0), "the generation before"
			if len(args) > 0 {
				var err error
				if n, err = Generation(args[0]); err != nil {
					return err
				}
				what = fmt.Sprintf("generation %d", n)
			}
			a.what, a.done = "roll back to "+what, "rolled back to "+what
			a.ask = func(ctx context.Context, c *client.Client, how client.Applying) (client.Result, error) {
				return c.RollBackConfig(ctx, n, how)
			}
			return a.run(cmd.Context())
		},
	}
	a.flags(cmd)
	return cmd
}

// Generation reads the number of a generation, also with the @ that marks one beside files.
func Generation(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "@"), 10, 64)
	if err != nil || n < 1 {
		return 0, report.Usage("hv config history lists them", "%q is no generation", text)
	}
	return n, nil
}
