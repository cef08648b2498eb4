package volumes

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// check is `hv volume check`.
func check(s *session.Session) *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use:   "check NAME",
		Short: "Look whether a volume's files are in order",
		Long: `Looks whether the tables in a volume's files are in order, of all its layers (qemu-img check); in a raw file there is nothing
that could be wrong. What a guest keeps in its file systems is not looked at. With --repair what can be is put in order in the
file that is written to; hv volume show says what was found last, and when.

No VM may write to the volume: of one that runs, hv volume clone makes a copy that can be checked. Exit 1 says that something is
wrong.`,
		Example:           "  hv volume check web-root\n  hv volume check web-root --repair",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			found, err := c.CheckVolume(cmd.Context(), s.Ref(args[0]), repair)
			if err != nil {
				return err
			}
			if s.Output.ForPrograms() {
				if err := s.Output.Value(s.Out, found); err != nil {
					return err
				}
			} else if !s.Quiet {
				fmt.Fprintf(s.Out, "volume/%s: %s\n", args[0], health(found))
			}
			if !found.Well() {
				return fault.New(fault.Precondition, "volume %q is damaged: %s", args[0], health(found)).
					Try("hv volume check %s --repair puts in order what it can; or go back to a snapshot or a backup", args[0]).WithCode("HV-VOL-037")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "put in order what can be")
	return cmd
}

// health is what a check found, in words.
func health(c storage.VolumeCheck) string {
	text := "in order"
	if c.Corruptions > 0 {
		text = fmt.Sprintf("%d places are wrong", c.Corruptions)
	}
	if c.Leaks > 0 {
		text += fmt.Sprintf(", %d clusters are taken and not used, which is harmless", c.Leaks)
	}
	if c.Repaired > 0 {
		text += fmt.Sprintf(", %d were put in order", c.Repaired)
	}
	return text
}
