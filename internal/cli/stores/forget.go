package stores

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

func (k *keeper) forgetSecrets() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget-secrets",
		Short: "Give up secrets whose key is lost; the daemon must be stopped",
		Long: `Gives up the secrets in the store that the key beside it, store.key, does not open: hvd does not start while there are
any. It says first of what, and asks. Those secrets are empty then: passwords, user data, vendor data and network
configurations of VMs. A large declaration is kept packed, and goes as a whole. VMs and their volumes stay as they are, and
so does what guests have made of themselves.

Put the key's file back instead wherever there is a copy of it. A snapshot of the store is taken before.`,
		Example: "  sudo hv store forget-secrets --dry-run\n  sudo hv store forget-secrets",
		Args:    session.Exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return k.forget(cmd.Context()) },
	}
	k.DryRuns(cmd)
	k.Asks(cmd)
	return cmd
}

func (k *keeper) forget(ctx context.Context) error {
	answer, err := k.ask(ctx, "forget-secrets")
	if err != nil {
		return err
	}
	of := answer.Forgotten.Of
	if (k.DryRun || len(of) == 0) && k.Output.ForPrograms() {
		return k.Output.Value(k.Out, answer.Forgotten)
	}
	if len(of) == 0 {
		k.Notice("the key beside the store opens every secret: nothing is forgotten")
		return nil
	}
	if !k.Quiet || !k.Yes {
		fmt.Fprintln(k.Err, "secrets that nothing opens are in:")
		for _, key := range of {
			fmt.Fprintf(k.Err, "  %s\n", screen.Safe(key))
		}
	}
	if k.DryRun {
		return nil
	}
	if err := k.Confirm(ctx, "Empty them?"); err != nil {
		return err
	}
	if answer, err = k.ask(ctx, "forget-secrets", "--really"); err != nil {
		return err
	}
	if k.Output.ForPrograms() {
		return k.Output.Value(k.Out, answer.Forgotten)
	}
	fmt.Fprintf(k.Out, "forgot the secrets of %d objects\n", len(answer.Forgotten.Of))
	k.Notice("try: start hvd, then set them anew: hv vm edit, hv config apply")
	return nil
}
