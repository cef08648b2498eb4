package declaration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func newFile(s *session.Session) *cobra.Command {
	var preset string
	var ids []string
	for _, p := range config.Presets() {
		ids = append(ids, p.ID)
	}
	cmd := &cobra.Command{
		Use:   "new [FILE]",
		Short: "Write a first declaration",
		Long: `Writes a first declaration, in Nix and with comments, to FILE (host.nix when absent, - prints it). At a terminal it
asks what the host is for, how much risk a feature may have, which features, and for a first VM. With --preset it
asks nothing.

It never overwrites a file, needs no daemon and changes nothing else: hv config check FILE says what it comes to,
hv config apply FILE makes it so.`,
		Example: "  hv config new\n  hv config new lab.nix --preset home-lab",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return report.Usage("hv config new host.nix", "name one file")
			}
			return nil
		},
		ValidArgsFunction: session.Files("nix"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := "host.nix"
			if len(args) > 0 {
				file = args[0]
			}
			if err := mayWrite(file); err != nil {
				return err
			}
			d, err := draft(cmd.Context(), s, preset, ids)
			if err != nil {
				return err
			}
			if d.File = file; file == "-" {
				d.File = "host.nix"
			}
			return writeNew(cmd.Context(), s, file, d)
		},
	}
	cmd.Flags().StringVar(&preset, "preset", "", "do not ask: "+strings.Join(ids, ", "))
	session.Values(cmd, "preset", ids...)
	return cmd
}

// draft is that of a preset, or of what is answered.
func draft(ctx context.Context, s *session.Session, preset string, ids []string) (config.Draft, error) {
	if preset != "" {
		for _, p := range config.Presets() {
			if p.ID == preset {
				return config.Draft{For: p.Name, Features: p.Declaration}, nil
			}
		}
		return config.Draft{}, report.Usage("--preset "+strings.Join(ids, " | "), "--preset %q: there is no such value", preset)
	}
	if !s.Interactive() {
		return config.Draft{}, report.Usage("hv config new --preset "+ids[0], "this asks what the host is for, and there is no terminal to ask at")
	}
	return interview{s}.run(ctx)
}

// mayWrite refuses a file that is there, before anything is asked.
func mayWrite(file string) error {
	switch _, err := os.Lstat(file); {
	case file == "-":
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := folderOf(file); err != nil {
			return err
		}
	case err != nil:
		return unreadable(file, err)
	default:
		return exists(file)
	}
	if ext := filepath.Ext(file); ext != ".nix" {
		return report.Usage("hv config new host.nix, then hv config convert host.nix -o yaml", "it is written in Nix, and %s does not end with .nix", file)
	}
	return nil
}

// folderOf refuses a file of which there is no folder.
func folderOf(file string) error {
	dir := filepath.Dir(file)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Unreadable, "cannot write %s", file).Because(fault.New(fault.Unreadable, "there is no folder %s", dir)).
			Try("mkdir -p %s, or name a file in a folder that is there", dir)
	case err != nil:
		return unwritable(file, err)
	case !info.IsDir():
		return fault.New(fault.Unreadable, "cannot write %s", file).Because(fault.New(fault.Unreadable, "%s is no folder", dir)).Try("name a file in a folder")
	}
	return nil
}

func unwritable(file string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fault.New(fault.Unavailable, "cannot write %s", file).Because(err).Try("name a file in a folder that is yours; - prints it")
}

func exists(file string) error {
	return fault.New(fault.Conflict, "cannot write %s: it is there already, and is not overwritten", file).Try("hv config new other.nix")
}

// writeNew writes the file, once it is sure that hv config check takes it.
func writeNew(ctx context.Context, s *session.Session, file string, d config.Draft) error {
	text := d.Nix()
	read, err := config.ReadString(ctx, config.Nix, file, text)
	if err != nil {
		return fault.New(fault.Internal, "what was put together cannot be read").Because(err)
	}
	if r := config.Check(read, host.Facts{}); r.Refused() {
		return fault.New(fault.Invalid, "nothing was written: this would be refused").Because(finding.Refusal{Findings: r.Findings.Of(finding.Refused)})
	}
	if file == "-" {
		_, err := fmt.Fprint(s.Out, text)
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // #nosec G302 -- a declaration is no secret
	if errors.Is(err, fs.ErrExist) {
		return exists(file)
	}
	if err == nil {
		_, err = out.WriteString(text)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return unwritable(file, err)
	}
	fmt.Fprintln(s.Out, "wrote "+file)
	s.Notice("look at it, then: hv config check %s --host self", file)
	return nil
}
