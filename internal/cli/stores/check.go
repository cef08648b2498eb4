package stores

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/upkeep"
)

func (k *keeper) check() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read the whole store and every snapshot, say what is wrong",
		Long: `Reads the whole store and every snapshot of it, and says what is wrong. It changes nothing, and may be run
while the daemon runs. Exit 0: the store is whole; 1: it is not.`,
		Example: "  sudo hv store check",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := k.ask(cmd.Context(), "check")
			if err != nil {
				return err
			}
			c := answer.Check
			if k.Output.ForPrograms() {
				err = k.Output.Value(k.Out, c)
			} else {
				err = k.told(c)
			}
			if err == nil && c.Condition != upkeep.Whole {
				return report.Told(report.Refused)
			}
			return err
		},
	}
}

// told prints a check for people.
func (k *keeper) told(c *upkeep.Check) error {
	paint := screen.Red
	if c.Condition == upkeep.Whole {
		paint = screen.Green
	}
	fmt.Fprintf(k.Out, "store %s: %s\n", screen.Safe(c.Path), k.Out.Paint(paint, words(c.Condition)))
	var out output.Fields
	if c.Schema > 0 {
		out.Add("form", fmt.Sprintf("%d, this program knows %d", c.Schema, c.Known))
	}
	if c.Condition == upkeep.Whole || c.Revision > 0 {
		out.Add("revision", fmt.Sprint(c.Revision))
		out.Add("keys", fmt.Sprint(c.Keys))
	}
	if c.Bytes > 0 {
		out.Add("size", model.Bytes(c.Bytes).String())
	}
	if c.InUse != "" {
		out.Add("in use by", c.InUse)
	}
	if n := c.Newest; n != nil {
		out.Add("snapshots", fmt.Sprintf("%d whole, the newest %s (%s)", c.Snapshots, n.Name, output.Moment(k.Now(), n.Time)))
	} else {
		out.Add("snapshots", "none")
	}
	for _, p := range c.Problems {
		out.Add("problem", p)
	}
	for _, name := range c.Spoilt {
		out.Add("problem", "the snapshot "+name+" is damaged")
	}
	if err := out.Write(k.Out); err != nil {
		return err
	}
	if c.Hint != "" {
		k.Notice("try: %s", screen.Safe(c.Hint))
	}
	return nil
}

func words(c upkeep.Condition) string {
	switch c {
	case upkeep.Newer:
		return "written by a newer version"
	case upkeep.Interrupted:
		return "a restore was cut off"
	case upkeep.Whole, upkeep.Damaged, upkeep.Missing:
	}
	return string(c)
}
