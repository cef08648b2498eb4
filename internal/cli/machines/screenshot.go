package machines

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func screenshot(s *session.Session) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "screenshot NAME",
		Short: "Take a picture of a VM's screen",
		Long: `Takes a picture of what a VM's screen shows now, as PNG, into the file after -o, or to the standard output with -o - and
where that is no terminal. A file that was there is replaced once the picture is whole, and nobody else may read it.

The VM needs graphics = {} in its spec (hv vm create --vnc), and a process: it runs or is paused.`,
		Example:           "  hv vm screenshot first -o first.png\n  hv vm screenshot first | display",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" || to == "-" {
				to = ""
				if s.Out.IsTerminal() {
					return report.Usage("-o "+args[0]+".png", "a picture is not for a terminal")
				}
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			pic, err := c.Screenshot(cmd.Context(), s.Ref(args[0]))
			if err != nil {
				return err
			}
			defer func() { _ = pic.Close() }()
			if to == "" {
				return copyPicture(cmd.Context(), s.Out, pic)
			}
			if err := keepPicture(cmd.Context(), to, pic); err != nil {
				return err
			}
			s.Notice("the screen of vm/%s is in %s", args[0], to)
			return nil
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "the file to write, - for the standard output")
	if err := cmd.MarkFlagFilename("output", "png"); err != nil {
		panic("cli: " + err.Error()) // a flag that does not exist: every test that builds the commands sees it
	}
	return cmd
}

func copyPicture(ctx context.Context, to io.Writer, pic io.Reader) error {
	_, err := io.Copy(to, pic)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fault.New(fault.Unavailable, "the picture broke off").Because(err)
	}
	return nil
}

// keepPicture writes a picture beside its place and puts it there whole. What is no file, such as a pipe, is written to.
func keepPicture(ctx context.Context, path string, pic io.Reader) (err error) {
	cannot := func(err error) error {
		return fault.New(fault.Unavailable, "cannot write the picture").Because(err).Try("-o with another file")
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return cannot(err)
		}
		return errors.Join(copyPicture(ctx, f, pic), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return cannot(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(copyPicture(ctx, f, pic), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return cannot(err)
	}
	return nil
}
