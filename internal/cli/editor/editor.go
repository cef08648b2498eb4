// Package editor holds `hv vm edit`: a VM's definition in the user's own editor, or changed by flags.
//
// What lives here: the text, the patch that is made of it, and the rounds until it is accepted. What does not:
// what an edit means (the daemon), and waiting for it (change).
package editor

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// Chosen are the VMs that arguments name or -l chooses.
type Chosen func(ctx context.Context, s *session.Session, args []string) ([]string, error)

// Command returns `hv vm edit`.
func Command(s *session.Session, chosen Chosen) *cobra.Command {
	var set, unset []string
	var patch string
	cmd := &cobra.Command{
		Use:   "edit NAME…",
		Short: "Edit the definitions of VMs",
		Long: `Opens the definition of a VM in $VISUAL or $EDITOR (vi when neither is set): YAML, or with -o nix or json that. What
is refused is shown at the top of the text, and the editor opens again; leave the text as it is to give up. Nothing is
done where nothing was changed. If somebody else has changed the VM meanwhile, that is said, and the edit is kept in a file.

--set KEY=VALUE, --unset KEY and --patch FILE (a merge patch, RFC 7386, in JSON or YAML; - is standard input) edit without
an editor, also many VMs at once.

A VM that runs takes what QEMU can do live (disks and network cards come and go, cables); the rest is pending restart.`,
		Example: "  hv vm edit web\n  hv vm edit web --set memory=2GiB --set disks.data.volume=data\n" +
			"  hv vm edit web --unset disks.data\n  hv vm edit -l tier=web --set nics.lan.link=down",
		Args:              s.Some("vm"),
		ValidArgsFunction: s.Live(0, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := chosen(cmd.Context(), s, args)
			if err != nil {
				return err
			}
			given, err := byFlags(s, set, unset, patch)
			if err != nil {
				return err
			}
			if given != nil {
				return apply(cmd.Context(), s, names, given, 0)
			}
			if len(names) != 1 {
				return report.Usage("hv vm edit NAME, or --set KEY=VALUE", "an editor edits one VM, and %d were named", len(names))
			}
			return inEditor(cmd.Context(), s, names[0])
		},
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "set a key: memory=2GiB, disks.data.volume=data")
	cmd.Flags().StringArrayVar(&unset, "unset", nil, "take a key out: disks.data")
	cmd.Flags().StringVar(&patch, "patch", "", "apply the merge patch in this file; - is standard input")
	if err := cmd.MarkFlagFilename("patch", "json", "yaml", "yml"); err != nil {
		panic("cli: " + err.Error())
	}
	session.Values(cmd, "set", "memory=2GiB", "cpus=2", "autostart=true")
	session.Values(cmd, "unset", "description", "disks", "nics")
	s.Mutates(cmd)
	s.SelectsAll(cmd)
	return cmd
}

// byFlags is the merge patch that the flags describe; nil where they describe none.
func byFlags(s *session.Session, set, unset []string, file string) (json.RawMessage, error) {
	switch {
	case file != "" && len(set)+len(unset) > 0:
		return nil, report.Usage("--patch FILE", "--patch and --set are two ways to say the same: use one")
	case len(set)+len(unset) > 0:
		return setPatch(set, unset)
	case file == "":
		return nil, nil
	}
	from := s.In
	if file != "-" {
		f, err := os.Open(file) // #nosec G304 -- a file that the user names
		if err != nil {
			return nil, report.Usage("--patch FILE", "--patch: %v", err)
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, maxPatchFile+1))
	if err != nil {
		return nil, report.Usage("--patch FILE", "--patch: %v", err)
	}
	return readPatch(text)
}

// apply sends a merge patch to VMs; a revision that is not 0 is the one that they must still have.
func apply(ctx context.Context, s *session.Session, names []string, patch json.RawMessage, revision int64) error {
	if _, editing := forms[s.Output]; editing && revision != 0 {
		s.Output = output.Human // -o has said how to edit
	}
	var all []change.Change
	for _, name := range names {
		all = append(all, edit(s, name, patch, revision))
	}
	return change.Run(ctx, s, all...)
}

func edit(s *session.Session, name string, patch json.RawMessage, revision int64) change.Change {
	return change.Change{Noun: "vm", Name: name, Verb: "edit", Past: "edited",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			how.IfMatch = revision
			return c.EditVM(ctx, s.Ref(name), patch, how)
		}}
}
