package stores

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/upkeep"
)

func (k *keeper) list() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the snapshots of the store, oldest first",
		Long: `Lists the snapshots of the store, oldest first; each is read and held against its checksum. At most 14 are kept:
the newest six, one of each of the last seven days, and the one from before the store's form was last changed.`,
		Example: "  sudo hv store list",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := k.ask(cmd.Context(), "list")
			if err != nil {
				return err
			}
			all := answer.Snapshots
			if k.Output.ForPrograms() {
				if all == nil {
					all = []upkeep.Snapshot{}
				}
				return k.Output.Value(k.Out, all)
			}
			if k.Output == output.Name {
				for _, s := range all {
					fmt.Fprintln(k.Out, s.Name)
				}
				return nil
			}
			t := output.Table{Columns: []output.Column{
				{Title: "NAME"}, {Title: "TAKEN"}, {Title: "REASON"}, {Title: "REVISION", Right: true}, {Title: "KEYS", Right: true}, {Title: "SIZE", Right: true},
				{Title: "STATE", Paint: statePaint}, {Title: "FORM", Right: true, Wide: true},
			}}
			for _, s := range all {
				t.Add(row(s)...)
			}
			return k.Table(&t, "no snapshots yet: hvd takes one when it starts; or sudo hv store snapshot")
		},
	}
}

func row(s upkeep.Snapshot) []string {
	if s.Time.IsZero() {
		return []string{s.Name, "", "", "", "", "", "damaged: " + s.Problem, ""}
	}
	state := "whole"
	if s.Problem != "" {
		state = "damaged"
	}
	return []string{
		s.Name, s.Time.Local().Format(time.DateTime), s.Reason, fmt.Sprint(s.Revision), fmt.Sprint(s.Keys), model.Bytes(s.Bytes).String(), state, fmt.Sprint(s.Schema),
	}
}

func statePaint(state string) screen.Paint {
	if state == "whole" {
		return screen.Green
	}
	return screen.Red
}

func (k *keeper) snapshot() *cobra.Command {
	return &cobra.Command{
		Use:     "snapshot",
		Short:   "Take a snapshot of the store now",
		Long:    "Takes a snapshot of the store now, whether or not the daemon runs.",
		Example: "  sudo hv store snapshot",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := k.ask(cmd.Context(), "snapshot")
			if err != nil {
				return err
			}
			if k.Output.ForPrograms() {
				return k.Output.Value(k.Out, answer.Snapshot)
			}
			fmt.Fprintln(k.Out, answer.Snapshot.Name)
			return nil
		},
	}
}
