package machines

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
)

func label(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "label NAME… KEY=VALUE… KEY-…",
		Short: "Put labels on VMs, and take them off",
		Long: `Puts labels on VMs (KEY=VALUE) and takes them off (KEY-). A VM that runs goes on as it is.

Labels are for people and for -l, which chooses VMs by them: tier=web, tier!=web, tier in (web,db), tier notin (db),
tier (it has one), !tier (it has none); with commas between, all must hold.`,
		Example: "  hv vm label web tier=front zone=b\n  hv vm label web zone-\n  hv vm label -l tier=front beta=yes",
		Args: func(cmd *cobra.Command, args []string) error {
			names, edits := labelArgs(args)
			if len(edits) == 0 {
				return report.Usage("hv vm label NAME KEY=VALUE, or KEY-", "hv vm label: say which labels")
			}
			return s.Some("vm")(cmd, names)
		},
		ValidArgsFunction: s.Live(0, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			given, edits := labelArgs(args)
			patch, err := labelPatch(edits)
			if err != nil {
				return err
			}
			names, err := chosen(cmd.Context(), s, given)
			if err != nil {
				return err
			}
			return editAll(cmd.Context(), s, names, "label", "labelled", patch)
		},
	}
	s.Mutates(cmd)
	s.SelectsAll(cmd)
	return cmd
}

// labelArgs parts the names from the labels: no name has a "=" or ends with a "-".
func labelArgs(args []string) (names, edits []string) {
	for _, a := range args {
		if strings.Contains(a, "=") || strings.HasSuffix(a, "-") {
			edits = append(edits, a)
		} else {
			names = append(names, a)
		}
	}
	return names, edits
}

// labelPatch is the merge patch that puts labels on, and takes others off.
func labelPatch(edits []string) (json.RawMessage, error) {
	labels := map[string]any{}
	on := map[string]string{}
	for _, e := range edits {
		k, v, put := strings.Cut(e, "=")
		if put {
			labels[k], on[k] = v, v
			continue
		}
		k = strings.TrimSuffix(k, "-")
		labels[k], on[k] = nil, ""
	}
	for _, err := range model.CheckLabels(on) {
		return nil, report.Usage("hv vm label NAME KEY=VALUE, or KEY-", "%v", err)
	}
	return json.Marshal(map[string]any{"labels": labels})
}

// editAll sends the same merge patch to VMs.
func editAll(ctx context.Context, s *session.Session, names []string, verb, past string, patch json.RawMessage) error {
	return change.Run(ctx, s, change.Each("vm", verb, past, names, func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
		return c.EditVM(ctx, s.Ref(name), patch, how)
	})...)
}
