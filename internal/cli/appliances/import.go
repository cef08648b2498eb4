package appliances

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/ovf"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

type importing struct {
	name, pool string
	cpus       int
	memory     string
	unverified bool
}

// Import is `hv vm import`.
func Import(s *session.Session) *cobra.Command {
	var in importing
	cmd := &cobra.Command{
		Use:   "import FILE.ova|FILE.ovf",
		Short: "Make a VM of an OVF appliance",
		Long: `Makes a VM of an appliance of VirtualBox, VMware or another platform: an OVA, or an .ovf with its files beside it. It is read here,
with your rights; each file is held against the manifest, where there is one. Its disks are sent and looked at by what they hold, as
hv image import does: one that names another file is refused.

Each disk becomes an image, NAME-DISK, of which a volume of that name is made. VM and volumes come to exist in one step: there are all
or none. The VM is off, with a UUID and MAC addresses of its own. What becomes another device and what is left out is told, all of
it, also by --dry-run, which sends nothing.`,
		Example: "  hv vm import ./appliance.ova --dry-run\n  hv vm import ./appliance.ova --name web --pool fast",
		Args:    session.Exactly("FILE"), ValidArgsFunction: session.Files("ova", "ovf"),
		RunE: func(cmd *cobra.Command, args []string) error { return in.run(cmd.Context(), s, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&in.name, "name", "", "what the VM is called (as the appliance when absent)")
	f.StringVar(&in.pool, "pool", "", "where its volumes are made (default when absent)")
	f.IntVar(&in.cpus, "cpus", 0, "vCPUs (as the appliance has them when absent)")
	f.StringVar(&in.memory, "memory", "", "memory, such as 2GiB (as the appliance has it when absent)")
	session.Values(cmd, "cpus", "1", "2", "4", "8")
	session.Values(cmd, "memory", "512MiB", "1GiB", "2GiB", "4GiB")
	f.BoolVar(&in.unverified, "no-verify", false, "take files that are not what the manifest says")
	session.Values(cmd, "name")
	s.LiveFlag(cmd, "pool", s.Pools)
	s.Mutates(cmd)
	return cmd
}

func (in importing) run(ctx context.Context, s *session.Session, path string) (err error) {
	from, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	app, err := ovf.Read(from.text)
	if err != nil {
		return fault.Wrap(err, "cannot import %s", path)
	}
	name := in.name
	if name == "" {
		if name = app.Label(); name == "" {
			return report.Usage("--name web", "the appliance has no name that a VM can have")
		}
	}
	p := app.Plan(name, in.pool)
	if err := app.Refused(); err != nil {
		return fault.Wrap(err, "cannot import %s", path)
	}
	if err := in.sized(&p); err != nil {
		return err
	}
	s.Findings(app.Findings)
	if err := may(ctx, s, p.Definition); err != nil {
		return err
	}
	if err := in.whole(s, from, p); err != nil {
		return fault.Wrap(err, "cannot import %s", path)
	}
	if s.DryRun {
		return foretell(s, p)
	}
	return bring(ctx, s, from, p)
}

// sized gives the VM what was said of it here.
func (in importing) sized(p *ovf.Planned) error {
	if in.cpus != 0 {
		p.Definition.CPUs, p.Definition.CPU = in.cpus, nil
	}
	if in.memory == "" {
		return nil
	}
	b, err := model.ParseBytes(in.memory)
	if err != nil {
		return report.Usage("--memory 2GiB", "--memory: %v", err)
	}
	p.Definition.Memory = b
	return nil
}

// may asks whether there may be such a VM, before anything is sent: all but its disks, which are not there yet.
func may(ctx context.Context, s *session.Session, def vm.Definition) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	def.Spec = def.Clone()
	maps.DeleteFunc(def.Disks, func(_ string, d vm.Disk) bool { return d.Image != "" })
	_, err = c.CreateVM(ctx, s.Project, def, client.Change{DryRun: true})
	return err
}

// whole reports whether all files of the disks are there, and what the manifest says.
func (in importing) whole(s *session.Session, from *archive, p ovf.Planned) error {
	files := []string{from.descriptor}
	for _, device := range slices.Sorted(maps.Keys(p.Files)) {
		file := p.Files[device]
		if from.files[file] == nil {
			return bad("disk %s is in %s, which is not there", device, file)
		}
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	if in.unverified {
		return nil
	}
	shown := follow.NewTransfer(s, "verify")
	defer shown.Done()
	for _, file := range files {
		if err := from.verify(file, func(done, total int64) { shown.See(model.Bytes(done), model.Bytes(total)+1) }); err != nil {
			return err
		}
	}
	return nil
}

// foretell says what would be made.
func foretell(s *session.Session, p ovf.Planned) error {
	if s.Output.ForPrograms() {
		return s.Output.Value(s.Out, p.Definition)
	}
	for _, device := range slices.Sorted(maps.Keys(p.Files)) {
		fmt.Fprintf(s.Out, "  send %s as image %s\n", p.Files[device], p.Definition.Disks[device].Image)
	}
	d := p.Definition
	fmt.Fprintf(s.Out, "  create vm %s, off: %d CPUs, %s of memory, firmware %s, %d disks, %d network cards\n", d.Name, max(d.CPUs, 1), d.Memory, d.Firmware, len(d.Disks), len(d.NICs))
	return nil
}

// bring sends the disks, each as an image, and makes the VM of them. Where that fails the images go again.
func bring(ctx context.Context, s *session.Session, from *archive, p ovf.Planned) (err error) {
	c, err := s.Client()
	if err != nil {
		return err
	}
	waits := s.NoWait
	s.NoWait = false // the VM is made of what is there
	var sent []string
	defer func() {
		s.NoWait = waits
		if err == nil {
			return
		}
		for _, image := range sent {
			if gone := drop(context.WithoutCancel(ctx), s, c, image); gone != nil {
				s.Notice("image/%s is left: hv image delete %s", image, image)
			}
		}
	}()
	for _, device := range slices.Sorted(maps.Keys(p.Files)) {
		r, image := from.files[p.Files[device]], p.Definition.Disks[device].Image
		if _, err := c.Image(ctx, s.Ref(image)); err == nil {
			return fault.New(fault.Conflict, "there is an image %q already, which disk %s was to be sent as", image, device).Try("--name gives the VM and its disks another name").WithCode(ovf.CodeTaken)
		}
		sent = append(sent, image)
		spec := storage.ImageSpec{Kind: storage.DiskImage, OS: "imported", Source: storage.ImageSource{Upload: p.Files[device]}}
		err := change.Run(ctx, s, change.Change{Noun: "image", Name: image, Verb: "import", Past: "imported",
			Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				shown := follow.NewTransfer(s, p.Files[device])
				defer shown.Done()
				return c.UploadImage(ctx, s.Ref(image), spec, model.Bytes(r.Size()), r, shown.See, how)
			}})
		if err != nil {
			return err
		}
	}
	s.NoWait = waits
	return change.Run(ctx, s, change.Change{Noun: "vm", Name: p.Definition.Name, Verb: "import", Past: "imported",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.CreateVM(ctx, s.Project, p.Definition, how)
		}})
}

// drop takes an image away again, and waits for that.
func drop(ctx context.Context, s *session.Session, c *client.Client, image string) error {
	res, err := c.DeleteImage(ctx, s.Ref(image), client.Change{})
	if err == nil && res.Operation != nil {
		_, err = c.WaitOperation(ctx, res.Operation.ID, nil)
	}
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
