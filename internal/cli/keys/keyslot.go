package keys

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Keyslots returns `hv volume keyslot`.
func Keyslots(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keyslot",
		Short: "Keep recovery passphrases that open a volume beside its key",
		Long: `Lists, fills and empties the keyslots of an encrypted volume. Its key opens one of the eight; a recovery passphrase opens another one,
and so the volume, when the key is lost. VMs run on meanwhile.

A slot is in the header of each layer. Layers that come to be later (snapshots, clones that stand on the volume) have the key's
slot only: list says how many layers a slot is of, and add with the same passphrase and --slot completes it. Snapshots and linked
clones that share a layer share its slots.`,
		Example: "  hv volume keyslot list web-root\n  hv volume keyslot add web-root\n  hv volume keyslot remove web-root 7",
	}
	cmd.AddCommand(listSlots(s), addSlot(s), removeSlot(s), recoverSlots(s))
	return cmd
}

func listSlots(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:               "list VOLUME",
		Aliases:           []string{"ls"},
		Short:             "List what opens a volume",
		Long:              "Lists the keyslots of a volume that are taken: what opens each, and how many of the volume's encrypted layers have it.",
		Example:           "  hv volume keyslot list web-root",
		Args:              session.Exactly("VOLUME"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			all, err := c.Keyslots(cmd.Context(), s.Ref(args[0]))
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, all)
			}
			t := output.Table{Columns: []output.Column{{Title: "SLOT", Right: true}, {Title: "OPENED BY", Cut: true}, {Title: "LAYERS"}}}
			for _, k := range all.Items {
				if s.Output == output.Name {
					fmt.Fprintln(s.Out, k.Slot)
					continue
				}
				t.Add(strconv.Itoa(k.Slot), openedBy(k), fmt.Sprintf("%d of %d", k.Layers, k.Of))
			}
			if s.Output == output.Name {
				return nil
			}
			return t.Write(s.Out, false)
		},
	}
}

func openedBy(k storage.Keyslot) string {
	switch k.Kind {
	case storage.KeySlot:
		return "key " + k.Key
	case storage.PassphraseSlot:
		return "a recovery passphrase"
	case storage.OtherSlot:
	}
	return "a secret that its key has not, or does not say while it is locked"
}

// generated is a passphrase of 160 random bits, in groups that can be copied by hand.
func generated() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	text := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	var groups []string
	for i := 0; i < len(text); i += 4 {
		groups = append(groups, text[i:i+4])
	}
	return strings.Join(groups, "-")
}

func addSlot(s *session.Session) *cobra.Command {
	var slot int
	var mine bool
	cmd := &cobra.Command{
		Use:   "add VOLUME",
		Short: "Have a recovery passphrase open a volume",
		Long: `Adds a recovery passphrase. It is made here and shown once, on the standard output: write it down, it is nowhere else. With
--passphrase it is yours: asked for at the terminal, or the first line of the standard input. Only root may.`,
		Example:           "  hv volume keyslot add web-root\n  cat passphrase | hv volume keyslot add web-root --passphrase --slot 7",
		Args:              session.Exactly("VOLUME"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			var body wire.AddKeyslot
			if cmd.Flags().Changed("slot") {
				body.Slot = &slot
			}
			body.Passphrase = generated()
			var err error
			if mine && !s.DryRun {
				if body.Passphrase, err = ask(cmd, s, "recovery passphrase of volume "+args[0]+":", true); err != nil {
					return err
				}
			}
			err = change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "add a keyslot to", Past: "has another keyslot",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.AddKeyslot(ctx, s.Ref(args[0]), body, how)
				}})
			if err == nil && !mine && !s.DryRun {
				s.Notice("write it down: it is shown once")
				fmt.Fprintln(s.Out, body.Passphrase)
			}
			return err
		},
	}
	cmd.Flags().IntVar(&slot, "slot", 0, "the slot, 0 to 7 (the last one that is free, when absent)")
	cmd.Flags().BoolVar(&mine, "passphrase", false, "a passphrase of your own")
	session.Values(cmd, "slot", "7", "6", "5", "4", "3", "2")
	s.Mutates(cmd)
	return cmd
}

func removeSlot(s *session.Session) *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "remove VOLUME SLOT",
		Short: "Have a recovery passphrase open a volume no more",
		Long: `Empties a keyslot of all layers of a volume, and overwrites what was in it. The last one is never emptied, and what a key opens only with
--force: the host itself cannot open the volume then, until hv volume keyslot recover. Only root may.`,
		Example:           "  hv volume keyslot remove web-root 7",
		Args:              session.Exactly("VOLUME", "SLOT"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		Aliases:           []string{"rm", "delete"},
		RunE: func(cmd *cobra.Command, args []string) error {
			slot, err := strconv.Atoi(args[1])
			if err != nil || slot < 0 || slot >= storage.MaxKeyslots {
				return report.Usage("hv volume keyslot list "+args[0], "%q is no keyslot: they are 0 to %d", args[1], storage.MaxKeyslots-1)
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "remove a keyslot from", Past: "has one keyslot less",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.RemoveKeyslot(ctx, s.Ref(args[0]), slot, force, how)
				}})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also what a key opens, where something else opens the volume")
	s.Mutates(cmd)
	return cmd
}

func recoverSlots(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recover VOLUME",
		Short: "Have a volume's key open it again, by a recovery passphrase",
		Long: `Gives the secret that a volume's key has now a keyslot in each layer that a recovery passphrase opens: after hv key renew, or where the
key's slot was removed. The passphrase is asked for at the terminal, or is the first line of the standard input. Only root may.`,
		Example:           "  hv volume keyslot recover web-root",
		Args:              session.Exactly("VOLUME"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			text := ""
			var err error
			if !s.DryRun {
				if text, err = ask(cmd, s, "recovery passphrase of volume "+args[0]+":", false); err != nil {
					return err
				}
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "recover", Past: "recovered",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.RecoverVolume(ctx, s.Ref(args[0]), text, how)
				}})
		},
	}
	s.Mutates(cmd)
	return cmd
}
