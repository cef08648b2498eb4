// Package begin knows how a VM begins as an image: where the image comes from, how large the machine is, and who may log in.
//
// What lives here: what run, dev and vm create --image have in common. What does not: the commands.
package begin

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/cloud"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Named is the name under which an entry of the catalogue is kept: a name has no dots.
func Named(entry string) string { return strings.ReplaceAll(entry, ".", "-") }

// notInName is what an item of a source may have and a name may not.
var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// Listed is the name under which an item of a source is kept: "debian/12" as debian-12.
func Listed(item string) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(item), "-"), "-")
	return strings.TrimRight(name[:min(len(name), 63)], "-")
}

// Find is an entry of the catalogue by its name or by that of the object that it becomes.
func Find(name string) (cloud.Entry, error) {
	for _, e := range cloud.All() {
		if Named(e.Name) == name {
			return e, nil
		}
	}
	return cloud.Find(name)
}

// Catalogue are the names of its entries, for completion.
func Catalogue() []string {
	var names []string
	for _, e := range cloud.All() {
		names = append(names, Named(e.Name)+"\t"+e.Title)
	}
	return names
}

// Image is a disk image of the library that a VM can begin as. One that is not there is fetched, where the catalogue has it.
func Image(ctx context.Context, s *session.Session, c *client.Client, from string) (wire.Image, error) {
	name := Named(from)
	_, item, listed := storage.ParseListed(from)
	if listed {
		name = Listed(item)
	}
	i, err := c.Image(ctx, s.Ref(name))
	if listed && err == nil && i.Spec.Source.Listed != from {
		return i, fault.New(fault.Conflict, "there is an image %q already, and it is not %s", name, from).Try("hv image import ANOTHER %s, then hv run ANOTHER", from)
	}
	if listed && errors.Is(err, fault.NotFound) {
		if err := fetch(ctx, s, wire.ImportImage{Name: name, ImageSpec: storage.ImageSpec{Source: storage.ImageSource{Listed: from}}}); err != nil {
			return i, err
		}
		i, err = c.Image(ctx, s.Ref(name))
	} else if errors.Is(err, fault.NotFound) {
		e, unknown := Find(from)
		if unknown != nil {
			return i, unknown
		}
		name = Named(e.Name)
		if i, err = c.Image(ctx, s.Ref(name)); errors.Is(err, fault.NotFound) {
			if err := fetch(ctx, s, wire.ImportImage{Name: name, Catalogue: e.Name}); err != nil {
				return i, err
			}
			i, err = c.Image(ctx, s.Ref(name))
		}
	}
	switch {
	case err != nil && s.DryRun && errors.Is(err, fault.NotFound):
		return i, fault.New(fault.Precondition, "image %q is not in the library yet, so what would follow cannot be told", name).Try("hv image import %s, then ask again", name).WithCode("HV-IMG-022")
	case err != nil:
		return i, err
	case !i.Status.Ready:
		return i, fault.New(fault.Precondition, "image %q is still being made", name).Try("hv operation list").WithCode("HV-IMG-022")
	case i.Spec.Kind == storage.ISOImage:
		return i, fault.New(fault.Invalid, "image %q is an ISO: it is put into a drive, not run", name).Try("hv vm create NAME --cdrom %s --disk NEW=20GiB", name)
	}
	return i, nil
}

// fetch has an image fetched, and waits for it: nothing begins as what is not there.
func fetch(ctx context.Context, s *session.Session, body wire.ImportImage) error {
	waits := *s
	waits.NoWait = false
	return change.Run(ctx, &waits, change.Change{Noun: "image", Name: body.Name, Verb: "import", Past: "imported",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.ImportImage(ctx, s.Project, body, how)
		}})
}

// Size is how large a machine is to be, as flags say it.
type Size struct {
	Type, Memory, Disk string // the first is an instance type's name
	CPUs               int
}

// Of is what the flags say, and where they say nothing what the image needs.
func (z Size) Of(image wire.Image) (storage.Needs, error) {
	want, err := z.said()
	if err != nil {
		return want, err
	}
	needs := image.Spec.Needs
	if o := image.Status.OVF; o != nil {
		needs.CPUs, needs.Memory = max(needs.CPUs, o.CPUs), max(needs.Memory, o.Memory)
	}
	if want.CPUs == 0 {
		want.CPUs = max(needs.CPUs, vm.DefaultCPUs)
	}
	if want.Memory == 0 && image.Spec.Template != nil {
		want.Memory = needs.Memory // it is what the VM had that it was made of
	}
	if want.Memory == 0 {
		want.Memory = max(needs.Memory*2, vm.DefaultMemory)
	}
	if want.Disk == 0 {
		want.Disk = max(needs.Disk, image.Status.Size)
	}
	if z.Type != "" && z.Disk == "" {
		want.Disk = max(want.Disk, image.Status.Size)
	}
	return want, nil
}

// Check reads the flags before anything is fetched for them.
func (z Size) Check() error {
	_, err := z.said()
	return err
}

func (z Size) said() (storage.Needs, error) {
	var want storage.Needs
	if z.Type != "" {
		t, err := vm.FindInstanceType(z.Type)
		if err != nil {
			return want, err
		}
		want = storage.Needs{CPUs: t.CPUs, Memory: t.Memory, Disk: t.Disk}
	}
	if z.CPUs > 0 {
		want.CPUs = z.CPUs
	}
	for _, f := range []struct {
		flag, text string
		to         *model.Bytes
	}{{"memory", z.Memory, &want.Memory}, {"disk", z.Disk, &want.Disk}} {
		if f.text == "" {
			continue
		}
		n, err := model.ParseBytes(f.text)
		if err != nil {
			return want, report.Usage("--"+f.flag+" 2GiB", "--%s: %v", f.flag, err)
		}
		*f.to = n
	}
	return want, nil
}

// Shape gives a spec what a template says of its machine, where the spec says nothing.
func Shape(s *vm.Spec, t *storage.Template) {
	if t == nil {
		return
	}
	s.OS, s.Machine = cmp.Or(s.OS, vm.OS(t.OS)), cmp.Or(s.Machine, t.Machine)
	if s.Firmware == "" && s.Boot == nil {
		s.Firmware, s.SecureBoot = vm.Firmware(t.Firmware), s.SecureBoot || t.SecureBoot
	}
	if s.TPM == nil && t.TPM {
		s.TPM = &vm.TPM{}
	}
}

// InstanceTypes are their names, for completion.
func InstanceTypes() []string {
	var types []string
	for _, t := range vm.InstanceTypes() {
		types = append(types, t.Name+"\t"+t.What)
	}
	return types
}

// PublicKeys reads the keys that are to log in: those of files, or the caller's own where none is said.
func PublicKeys(files []string) ([]string, error) {
	if len(files) == 0 {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, nil //nolint:nilerr // who has no home has no keys there
		}
		if files, err = filepath.Glob(filepath.Join(home, ".ssh", "*.pub")); err != nil {
			return nil, err
		}
	}
	var keys []string
	for _, name := range files {
		text, err := Read(name)
		if err != nil {
			return nil, err
		}
		if strings.Contains(text, "PRIVATE KEY") {
			return nil, report.Usage("--ssh-key FILE.pub", "%s is a private key: it stays with you", name)
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !slices.Contains(keys, line) {
				keys = append(keys, line)
			}
		}
	}
	return keys, nil
}

// Read reads a file of the caller's that is small.
func Read(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fault.New(fault.Unreadable, "cannot read %s", name).Because(err)
	}
	text, err := io.ReadAll(io.LimitReader(f, vm.MaxUserData+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fault.New(fault.Unreadable, "cannot read %s", name).Because(err)
	}
	return string(text), nil
}
