// Package keys holds `hv key`: what volumes are encrypted with.
//
// What lives here: the commands, and how passphrases are asked for. What does not: the volumes (volumes), and how changes
// are asked for and followed (change, follow).
package keys

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv key`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Keep the keys that volumes are encrypted with",
		Long: `Makes, shows, unlocks and rotates keys. A key has a random secret, which is sealed by a passphrase, by this host or its TPM
(systemd-creds), or by what a program prints. Without it what is encrypted is lost: keep a copy of the sealed file
(keys/NAME.json in the state folder) and of its passphrase elsewhere. Only root may change keys.`,
		Example: "  hv key create house\n  hv volume create web-root --size 10GiB --encryption house\n  hv key unlock house\n  hv key rotate house",
	}
	cmd.AddCommand(create(s), list(s), show(s), unlock(s), lock(s), rotate(s), passphrase(s), renew(s), remove(s))
	return cmd
}

func create(s *session.Session) *cobra.Command {
	var body wire.CreateKey
	var kind string
	var labels []string
	cmd := &cobra.Command{
		Use:   "create NAME [--kind KIND] [-- PROGRAM ARGUMENT…]",
		Short: "Make a key to encrypt volumes with",
		Long: `Makes a key. What seals it is of one of these kinds:

  passphrase     asked for at the terminal, or the first line of the standard input; after each start of the daemon the key
                 is locked until somebody says it: hv key unlock
  systemd-creds  this host (--with host), its TPM (--with tpm2), or both: the key opens here by itself, and nowhere else
  command        a program of root's that prints a secret; hvd runs it as its own user, without an environment, for 30 s
                 at most

A key named default encrypts every new volume that says nothing else, where feature encryption is on. Only root may.`,
		Example: "  hv key create house\n  hv key create rack --kind systemd-creds --with tpm2\n  hv key create vault --kind command -- /usr/local/bin/print-secret house",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			body.Name, body.Command, body.Kind = args[0], args[1:], storage.KeyKind(kind)
			if len(body.Command) > 0 && !cmd.Flags().Changed("kind") {
				body.Kind = storage.CommandKey
			}
			if body.Labels, err = session.Labels(labels); err != nil {
				return err
			}
			if body.KeySpec.Effective().Kind == storage.PassphraseKey && !s.DryRun {
				if body.Passphrase, err = ask(cmd, s, "passphrase of key "+body.Name+":", true); err != nil {
					return err
				}
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "key", Name: args[0], Verb: "create", Past: "created",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.CreateKey(ctx, body, how)
				}})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", string(storage.PassphraseKey), "what seals it: passphrase, systemd-creds or command")
	cmd.Flags().StringVar(&body.With, "with", "", "of systemd-creds: auto (when absent), host, tpm2 or host+tpm2")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "kind", string(storage.PassphraseKey), string(storage.CredsKey), string(storage.CommandKey))
	session.Values(cmd, "with", storage.Withs()...)
	s.Mutates(cmd)
	return cmd
}

// verb is a command that changes one key.
func verb(s *session.Session, use, short, long, example, past string, do func(*cobra.Command, string) (func(context.Context, *client.Client, client.Change) (client.Result, error), error)) *cobra.Command {
	word, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: session.Exactly("NAME"), ValidArgsFunction: s.Live(1, s.Keys),
		RunE: func(cmd *cobra.Command, args []string) error {
			call, err := do(cmd, args[0])
			if err != nil {
				return err
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "key", Name: args[0], Verb: word, Past: past, Do: call})
		},
	}
	s.Mutates(cmd)
	return cmd
}

type call = func(context.Context, *client.Client, client.Change) (client.Result, error)

func unlock(s *session.Session) *cobra.Command {
	return verb(s, "unlock NAME", "Open a key, so that VMs can be started with it",
		`Opens a key until the daemon ends, or until it is locked. The passphrase is asked for at the terminal, or read from the standard
input. VMs that are wished to run and waited for the key start then. A declared key that has no secret yet gets
one, sealed by what is said. Only root may.`,
		"  hv key unlock house\n  cat passphrase | hv key unlock house", "unlocked",
		func(cmd *cobra.Command, name string) (call, error) {
			var k wire.Key
			var err error
			text := ""
			if !s.DryRun {
				k, err = find(cmd, s, name)
			}
			if err == nil && k.Spec.Kind == storage.PassphraseKey {
				text, err = ask(cmd, s, "passphrase of key "+name+":", k.State == storage.KeyUnmade)
			}
			return func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.UnlockKey(ctx, name, text, how)
			}, err
		})
}

func lock(s *session.Session) *cobra.Command {
	return verb(s, "lock NAME", "Forget a key's secret until it is unlocked",
		"Forgets a key's secret. VMs that run go on, for their QEMU has what it needs; none is started with the key.\nOnly root may.",
		"  hv key lock house", "locked",
		func(_ *cobra.Command, name string) (call, error) {
			return func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.LockKey(ctx, name, how)
			}, nil
		})
}

func rotate(s *session.Session) *cobra.Command {
	return verb(s, "rotate NAME", "Put a new secret in the place of a key's",
		`Makes a new secret, has it open everything that is encrypted with the key, and then has the one before open nothing any more.
VMs run on meanwhile. A rotation that is cut off goes on when the daemon starts again; between any two steps everything opens. What
is encrypted stays as it is: a copy of a volume that somebody took before opens with the secret of before. To encrypt content
anew, make a full clone. Only root may.`,
		"  hv key rotate house", "rotated",
		func(_ *cobra.Command, name string) (call, error) {
			return func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.RotateKey(ctx, name, how)
			}, nil
		})
}

func passphrase(s *session.Session) *cobra.Command {
	return verb(s, "passphrase NAME", "Give a key another passphrase",
		`Seals a key's file by another passphrase; the one before opens it no more. Both are asked for at the terminal, or are the first
two lines of the standard input. The secret stays: volumes are not touched. Only root may.`,
		"  hv key passphrase house", "sealed anew",
		func(cmd *cobra.Command, name string) (call, error) {
			var have, next string
			var err error
			if !s.DryRun {
				have, next, err = askBoth(cmd, s, name)
			}
			return func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.ResealKey(ctx, name, wire.ResealKey{Passphrase: have, New: next}, how)
			}, err
		})
}

func renew(s *session.Session) *cobra.Command {
	return verb(s, "renew NAME", "Make a new secret for a key that is lost",
		`Makes a new secret for a key whose sealed file is gone or damaged; what is left of a damaged one is put aside. Putting the
file back from a backup is better: with the new secret nothing opens, until hv volume keyslot recover has made room for it by a recovery
passphrase, volume by volume. The passphrase that seals the key from now on is asked for, or read from the standard input. Only root may.`,
		"  hv key renew house\n  hv volume keyslot recover web-root", "renewed",
		func(cmd *cobra.Command, name string) (call, error) {
			text := ""
			var err error
			if !s.DryRun {
				var k wire.Key
				if k, err = find(cmd, s, name); err == nil && k.Spec.Kind == storage.PassphraseKey {
					text, err = ask(cmd, s, "new passphrase of key "+name+":", true)
				}
			}
			return func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.RenewKey(ctx, name, text, how)
			}, err
		})
}

func remove(s *session.Session) *cobra.Command {
	cmd := verb(s, "delete NAME", "Delete a key that nothing is encrypted with",
		"Deletes a key and its sealed file. One that something is encrypted with is refused, with what that is; volumes in the trash\nand snapshots count. Only root may.",
		"  hv key delete house", "deleted",
		func(_ *cobra.Command, name string) (call, error) {
			return func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.DeleteKey(ctx, name, how)
			}, nil
		})
	cmd.Aliases = []string{"rm"}
	return cmd
}

func list(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List keys",
		Long:    "Lists keys: what seals them, whether they are open, and how many volumes are encrypted with each.",
		Example: "  hv key list\n  hv key list -o wide",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			_, err = listing(s, c).Print(cmd.Context(), s, s.Select())
			return err
		},
	}
	s.Selects(cmd)
	return cmd
}

func listing(s *session.Session, c *client.Client) session.Listing[wire.Key] {
	return session.Listing[wire.Key]{
		Get: c.KeyPage,
		Table: output.Table{Columns: []output.Column{
			{Title: "NAME", Cut: true}, {Title: "SEALED BY", Cut: true}, {Title: "STATE"}, {Title: "SECRET", Right: true}, {Title: "VOLUMES", Right: true},
			{Title: "PROBLEM", Cut: true}, {Title: "ORIGIN", Wide: true}, {Title: "AGE", Right: true, Wide: true},
		}},
		Name: func(k wire.Key) string { return k.Metadata.Name },
		Row: func(k wire.Key) []string {
			return []string{
				k.Metadata.Name, k.Sealed, string(k.State), fmt.Sprint(k.Secret), fmt.Sprint(len(k.Volumes)), k.Problem,
				string(k.Metadata.Origin), output.Age(s.Now(), k.Metadata.Created),
			}
		},
		Empty: "no keys: hv key create NAME",
	}
}
