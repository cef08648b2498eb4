package machines

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/begin"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// beginning is what the flags say of the image that a VM begins as, and of what its guest makes of itself.
type beginning struct {
	image, instanceType, userData, key string
	keys                               []string
}

var beginningFlags = []string{"image", "instance-type", "ssh-key", "cloud-init", "encryption"}

func (b *beginning) bind(s *session.Session, cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&b.image, "image", "", "begin as this image of the library, or of the catalogue, which is fetched then")
	fl.StringVar(&b.instanceType, "instance-type", "", "a size that has a name: hv instance-type list")
	fl.StringArrayVar(&b.keys, "ssh-key", nil, "a file with public SSH keys (with --image ~/.ssh/*.pub when absent)")
	fl.StringVar(&b.userData, "cloud-init", "", "a file with all that cloud-init is told: user data")
	fl.StringVar(&b.key, "encryption", "", "the key that volumes made with it are encrypted with, or none (key "+storage.DefaultKey+" where there is one, when absent)")
	s.LiveFlag(cmd, "encryption", s.Keys)
	session.Values(cmd, "instance-type", begin.InstanceTypes()...)
	session.FileFlag(cmd, "cloud-init")
	s.LiveFlag(cmd, "image", s.Images)
	if err := cmd.MarkFlagFilename("ssh-key", "pub"); err != nil {
		panic("cli: " + err.Error())
	}
}

// root takes the size of the image's disk out of --disk: with --image one that is a size is that, and not a volume's name.
func (f *definition) root() string {
	size := ""
	if f.begin.image == "" {
		return size
	}
	var rest []string
	for _, text := range f.disks {
		if _, err := model.ParseBytes(text); err == nil && size == "" {
			size = text
			continue
		}
		rest = append(rest, text)
	}
	f.disks = rest
	return size
}

// begins writes into a definition what the flags say of its beginning; what they leave out is what the image needs.
func (f *definition) begins(ctx context.Context, s *session.Session, def vm.Definition, disk string) (vm.Definition, error) {
	size := begin.Size{Type: f.begin.instanceType, CPUs: def.CPUs, Memory: f.memory, Disk: disk}
	if err := size.Check(); err != nil {
		return def, err
	}
	def, err := f.told(def)
	if err != nil || f.begin.image == "" {
		if t, unknown := vm.FindInstanceType(f.begin.instanceType); unknown == nil {
			def.CPUs, def.Memory = cmp.Or(def.CPUs, t.CPUs), cmp.Or(def.Memory, t.Memory)
		}
		return def, err
	}
	c, err := s.Client()
	if err != nil {
		return def, err
	}
	image, err := begin.Image(ctx, s, c, f.begin.image)
	if err != nil {
		return def, err
	}
	want, err := size.Of(image)
	if err != nil {
		return def, err
	}
	def.CPUs, def.Memory, def.Arch = want.CPUs, want.Memory, image.Spec.Arch
	if err := add(&def.Disks, "--disk", "root", vm.Disk{Image: image.Metadata.Name, Size: want.Disk, BootIndex: 1, Encryption: f.begin.key}); err != nil {
		return def, err
	}
	begin.Shape(&def.Spec, image.Spec.Template)
	if len(f.nics) == 0 {
		def.NICs = map[string]vm.NIC{"lan": {Network: vm.UserNetwork}}
	}
	if def.Labels == nil {
		def.Labels = map[string]string{}
	}
	def.Labels["image"] = image.Metadata.Name
	if def.CloudInit.UserData == "" {
		def.CloudInit.User = image.Spec.User
	}
	return def, nil
}

// told is the definition with what cloud-init is told.
func (f *definition) told(def vm.Definition) (vm.Definition, error) {
	b := f.begin
	if b.image == "" && b.userData == "" && len(b.keys) == 0 {
		return def, nil
	}
	def.CloudInit = &vm.CloudInit{Hostname: def.Name}
	if b.userData != "" {
		text, err := begin.Read(b.userData)
		if err == nil && text == "" {
			err = report.Usage("a file that begins with #cloud-config", "--cloud-init %s: it is empty", b.userData)
		}
		def.CloudInit.UserData = text
		if err != nil || len(b.keys) == 0 {
			return def, err
		}
		return def, report.Usage("put ssh_authorized_keys into the file", "--cloud-init is all that the guest is told: --ssh-key beside it has no use")
	}
	keys, err := begin.PublicKeys(b.keys)
	def.CloudInit.SSHKeys = keys
	return def, err
}
