package volumes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func importVolume(s *session.Session) *cobra.Command {
	var format, pool, sum, key string
	var labels []string
	cmd := &cobra.Command{
		Use:   "import NAME FILE|URL",
		Short: "Make a volume of a disk image",
		Long: `Makes a volume of a disk image. The file is read here, with your rights, and streamed to the host. From a URL (https://…) the host
fetches it, goes on where that broke off, and holds it against --sha256 where that is given; hv operation cancel ends it. An image in
another format, or for many VMs, is for hv image import.

--format says what the file is: raw, or qcow2. It is never guessed from its content, which a guest may have written:
a file that begins like another format is refused until --format is given.
With --encryption, or where there is a key default, what arrives is encrypted before it is written; what is fetched from a URL lies
in clear beside the volume until it is.

A volume that holds the same content already is left as it is.`,
		Example:           "  hv volume import web-root ./debian.qcow2 --format qcow2\n  hv volume import web-root https://images.example/debian.qcow2 --format qcow2",
		Args:              session.Exactly("NAME", "FILE"),
		ValidArgsFunction: second,
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := volume(args[0], format, pool, labels)
			if err != nil {
				return err
			}
			body.Encryption = key
			if strings.HasPrefix(args[1], "https://") || strings.HasPrefix(args[1], "http://") {
				return fetch(cmd.Context(), s, body, args[1], sum)
			}
			if sum != "" {
				return report.Usage("sha256sum "+args[1], "--sha256 is for a URL: what is sent from here is held against what was read here")
			}
			from, err := open(args[1])
			if err != nil {
				return err
			}
			defer from.close()
			if !cmd.Flags().Changed("format") {
				if err := from.plainly(); err != nil {
					return err
				}
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			have, err := c.Volume(cmd.Context(), s.Ref(args[0]))
			if err == nil && have.SHA256 != "" && have.Spec.Format == body.Format && from.is(have.SHA256) {
				return already(s, "volume", args[0])
			}
			return run(cmd.Context(), s, "volume", args[0], from, func(ctx context.Context, c *client.Client, tell client.Progress, how client.Change) (client.Result, error) {
				return c.ImportVolume(ctx, s.Project, body, from.size, from.file, tell, how)
			})
		},
	}
	cmd.Flags().StringVar(&sum, "sha256", "", "of a URL: what the SHA-256 of the image must be")
	session.Values(cmd, "sha256")
	keyed(s, cmd, &key)
	shape(s, cmd, &format, &pool, &labels)
	s.Mutates(cmd)
	return cmd
}

// fetch has the host make a volume of what it fetches.
func fetch(ctx context.Context, s *session.Session, body wire.CreateVolume, url, sum string) error {
	body.URL, body.SHA256 = url, strings.ToLower(sum)
	return change.Run(ctx, s, change.Change{Noun: "volume", Name: body.Name, Verb: "import", Past: "imported",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.CreateVolume(ctx, s.Project, body, how)
		}})
}

// second completes the second argument with files.
func second(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// source is a user's file that is imported.
type source struct {
	path string
	file *os.File
	size model.Bytes
}

// open opens a regular file. It does not wait for a pipe that nobody writes to, and reads no device.
func open(path string) (*source, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fault.New(fault.Unreadable, "cannot read %s", path).Because(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fault.New(fault.Unreadable, "it is no regular file").Try("copy it into one first")
	case info.Size() == 0:
		err = fault.New(fault.Unreadable, "it is empty")
	}
	if err != nil {
		_ = f.Close()
		return nil, fault.New(fault.Unreadable, "cannot import %s", path).Because(err)
	}
	return &source{path, f, model.Bytes(info.Size())}, nil
}

// begins are the first bytes of images that are no raw ones, and what to do with such a file.
var begins = []struct{ magic, what, try string }{
	{"QFI\xfb", "a qcow2 image", "--format qcow2"},
	{"KDMV", "a VMDK image", "qemu-img convert -O qcow2 OLD NEW, then --format qcow2"},
	{"vhdxfile", "a VHDX image", "qemu-img convert -O qcow2 OLD NEW, then --format qcow2"},
	{"<<< Oracle VM VirtualBox", "a VDI image", "qemu-img convert -O qcow2 OLD NEW, then --format qcow2"},
}

// plainly refuses a file that nobody called raw and that begins like something else. It is a question to the
// user, no guess: with --format the file is what that says.
func (f *source) plainly() error {
	head := make([]byte, 32)
	n, err := f.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fault.New(fault.Unreadable, "cannot read %s", f.path).Because(err)
	}
	for _, b := range begins {
		if strings.HasPrefix(string(head[:n]), b.magic) {
			return report.Usage(b.try+"; or --format raw, to keep its bytes as they are", "%s begins like %s, and --format does not say what it is", f.path, b.what)
		}
	}
	return nil
}

func (f *source) close() { _ = f.file.Close() }

// is reports whether the file's content has this digest. Reading it here is cheaper than sending it.
func (f *source) is(digest string) bool {
	h := sha256.New()
	_, err := io.Copy(h, f.file)
	if _, back := f.file.Seek(0, io.SeekStart); back != nil || err != nil {
		return false
	}
	return hex.EncodeToString(h.Sum(nil)) == digest
}

func already(s *session.Session, noun, name string) error {
	if s.Output == output.Name {
		fmt.Fprintln(s.Out, name)
	} else if !s.Output.ForPrograms() {
		fmt.Fprintf(s.Out, "%s/%s has this content already\n", noun, name)
	}
	return nil
}

type sending func(ctx context.Context, c *client.Client, tell client.Progress, how client.Change) (client.Result, error)

func run(ctx context.Context, s *session.Session, noun, name string, from *source, send sending) error {
	return change.Run(ctx, s, change.Change{Noun: noun, Name: name, Verb: "import", Past: "imported",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			shown := follow.NewTransfer(s, from.path)
			defer shown.Done()
			return send(ctx, c, shown.See, how)
		}})
}
