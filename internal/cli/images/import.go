package images

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/begin"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type importing struct {
	spec   storage.ImageSpec
	kind   string
	format string
	labels []string
}

func importImage(s *session.Session) *cobra.Command {
	var in importing
	cmd := &cobra.Command{
		Use:   "import NAME [FILE|URL|SOURCE:ITEM|CATALOGUE-NAME]",
		Short: "Put an image into the library",
		Long: `Puts an image into the library: from a file, which is read here, with your rights; from a URL, which is fetched for hvd; or
from the catalogue (hv image search), when the last argument is an entry of it, or is left out; or from a source, as SOURCE:ITEM
(hv image search --source NAME).

What it is, its content says: qcow2, raw, vmdk, vhd, vhdx, vdi, ova or ISO, or one of them in .gz, .xz or .zst. An image that
names another file, such as a backing file, is refused. It is converted once.
A download that broke off goes on where it stopped when the same is imported again.

The content is held against --sha256, --sha512 or a file of sums (--checksums), which the catalogue knows by itself. Only
https is fetched, unless --insecure-http says otherwise.`,
		Example: `  hv image import debian-12
  hv image import web ./web.ova
  hv image import web https://images.example.org/web.qcow2 --checksums https://images.example.org/SHA256SUMS
  hv image import web ours:web
  hv image import installer ./debian-12-netinst.iso --kind iso`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return session.Exactly("NAME", "FILE|URL|SOURCE:ITEM|CATALOGUE-NAME")(cmd, args)
		},
		ValidArgsFunction: complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			return in.run(cmd.Context(), s, args[0], args[len(args)-1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.kind, "kind", string(storage.DiskImage), "disk, or iso")
	f.StringVar(&in.format, "format", "", "raw keeps the bytes as they are; else the content says what it is")
	f.StringVar(&in.spec.Source.SHA256, "sha256", "", "what the SHA-256 of the content must be")
	f.StringVar(&in.spec.Source.SHA512, "sha512", "", "what the SHA-512 of the content must be")
	f.StringVar(&in.spec.Source.Checksums, "checksums", "", "URL of a file of sums that has a line for it")
	f.BoolVar(&in.spec.Source.AllowDowngrade, "allow-downgrade", false, "also an older version than its source has listed before")
	f.BoolVar(&in.spec.Source.Insecure, "insecure-http", false, "fetch over plain http too")
	f.StringVar(&in.spec.OS, "os", "", "what is on it, for people")
	f.StringVar(&in.spec.Version, "version", "", "its version, for people")
	f.StringVar(&in.spec.User, "user", "", "who logs in with a key")
	f.BoolVar(&in.spec.CloudInit, "cloud-init", false, "it configures itself by cloud-init")
	f.StringArrayVar(&in.labels, "label", nil, "a label: KEY=VALUE")
	for _, free := range []string{"sha256", "sha512", "checksums", "os", "version", "user"} {
		session.Values(cmd, free)
	}
	session.Values(cmd, "kind", string(storage.DiskImage), string(storage.ISOImage))
	session.Values(cmd, "format", string(storage.Raw))
	s.Mutates(cmd)
	return cmd
}

// complete offers the catalogue for the first argument, and files for the second.
func complete(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	if len(args) == 0 {
		names = begin.Catalogue()
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (in importing) run(ctx context.Context, s *session.Session, name, from string) error {
	body, err := in.body(name)
	if err != nil {
		return err
	}
	entry, unknown := begin.Find(from)
	_, absent := os.Stat(from)
	_, _, listed := storage.ParseListed(from)
	switch {
	case strings.HasPrefix(from, "https://") || strings.HasPrefix(from, "http://"):
		body.Source.URL = from
	case listed && absent != nil:
		body.Source.Listed = from
	case unknown == nil && (absent != nil || !strings.ContainsRune(from, filepath.Separator)):
		body.Name, body.Catalogue = begin.Named(name), entry.Name
	case name == from || strings.Contains(from, "://"):
		return report.Usage("hv image search; or name a file or an https URL", "the catalogue has no image %q", from)
	default:
		return in.upload(ctx, s, body, from)
	}
	return change.Run(ctx, s, change.Change{Noun: "image", Name: body.Name, Verb: "import", Past: "imported",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.ImportImage(ctx, s.Project, body, how)
		}})
}

func (in importing) body(name string) (wire.ImportImage, error) {
	body := wire.ImportImage{Name: name, ImageSpec: in.spec}
	body.Kind, body.Source.Format = storage.ImageKind(in.kind), storage.Format(in.format)
	if body.Kind != storage.DiskImage && body.Kind != storage.ISOImage {
		return body, report.Usage("--kind disk, or --kind iso", "--kind %q: there is no such value", in.kind)
	}
	if in.format != "" && in.format != string(storage.Raw) {
		return body, report.Usage("leave it out: the content says what it is", "--format %q: raw is the only format that is to be said", in.format)
	}
	body.Source.SHA256, body.Source.SHA512 = strings.ToLower(body.Source.SHA256), strings.ToLower(body.Source.SHA512)
	var err error
	body.Labels, err = session.Labels(in.labels)
	return body, err
}

// upload sends a file that is read with the caller's rights.
func (in importing) upload(ctx context.Context, s *session.Session, body wire.ImportImage, path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return fault.New(fault.Unreadable, "cannot read %s", path).Because(err).Try("hv image search shows what can be had without a file")
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return fault.New(fault.Unreadable, "cannot import %s", path).Because(cmp.Or(err, error(fault.New(fault.Unreadable, "it is no regular file, or empty"))))
	}
	body.Source.Upload = filepath.Base(path)
	return change.Run(ctx, s, change.Change{Noun: "image", Name: body.Name, Verb: "import", Past: "imported",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			shown := follow.NewTransfer(s, path)
			defer shown.Done()
			return c.UploadImage(ctx, s.Ref(body.Name), body.ImageSpec, model.Bytes(info.Size()), f, shown.See, how)
		}})
}
