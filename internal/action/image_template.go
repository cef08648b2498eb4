package action

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// CreateImage makes an image of a VM's disk, a template: a full copy, of a VM that nobody writes with or of one of its snapshots. What
// the guest has made of itself is in it. The copy is durable before the image is wished; while it is made the VM is not started.
func (a *Actions) CreateImage(ctx context.Context, call Call, ref model.Ref, body wire.CreateImage) (res Result, err error) {
	from := inProject(ref)
	target := imageTarget(model.Ref{Project: from.Project, Name: body.Name})
	if err := a.may(ctx, call, ImageCreate, target); err != nil {
		a.refused(ctx, call, ImageCreate, target, err)
		return Result{}, err
	}
	if res, ok, err := a.repeated(ctx, call, ImageCreate, target); ok || err != nil {
		return res, err
	}
	if call.DryRun {
		return a.do(ctx, call, ImageCreate, target, func(c *change) error {
			_, _, err := a.newTemplate(ctx, c, from, body, false)
			return err
		})
	}
	i, volume, err := a.newTemplate(ctx, a.fresh(call, ImageCreate, target), from, body, false)
	if err == nil {
		err = a.takeContent(ctx, call, i, volume, body.Snapshot)
	}
	if err != nil {
		a.refused(ctx, call, ImageCreate, target, err)
		return Result{}, err
	}
	res, err = a.do(ctx, call, ImageCreate, target, func(c *change) error {
		again, _, err := a.newTemplate(ctx, c, from, body, true)
		if err != nil { // somebody took the name meanwhile
			return err
		}
		again.UID = i.UID
		return c.putImage(again)
	})
	if err != nil || res.repeated {
		if gone := a.Images.Remove(context.WithoutCancel(ctx), i.UID); gone != nil {
			a.Log.Error("a template that was not made left a file", "image", i.UID, "err", gone)
		}
	}
	return res, err
}

// newTemplate is the image of one disk of a VM, and that disk's volume; copied says that its content is in the library already, whoever
// writes to the volume since.
func (a *Actions) newTemplate(ctx context.Context, c *change, from model.Ref, body wire.CreateImage, copied bool) (storage.Image, storage.Volume, error) {
	none := storage.Image{}
	o, _, err := a.vm(ctx, from)
	if err != nil {
		return none, storage.Volume{}, err
	}
	device := body.Disk
	if device == "" {
		device = bootDisk(o.Spec)
	}
	if len(o.Spec.Disks) == 0 {
		return none, storage.Volume{}, fault.New(fault.Precondition, "vm %q has no disk of which an image could be made", o.Name).
			Try("give it one: hv volume attach VOLUME %s", o.Name).WithCode("HV-IMG-034")
	}
	d, ok := o.Spec.Disks[device]
	if !ok {
		return none, storage.Volume{}, fault.New(fault.NotFound, "vm %q has no disk %q", o.Name, device).
			Try("one of %s", strings.Join(slices.Sorted(maps.Keys(o.Spec.Disks)), ", ")).WithCode("HV-IMG-034")
	}
	v, _, err := a.volume(ctx, o.Project, d.Volume)
	if err != nil {
		return none, v, err
	}
	if body.Snapshot == "" && !copied { // asked here, so that nothing is copied in vain
		if err := a.unwritten(ctx, c, v); err != nil {
			return none, v, fault.New(fault.Conflict, "vm %q runs, and writes to volume %q", o.Name, v.Name).WithCode("HV-IMG-035").
				Try("hv vm stop %s; or hv snapshot create %s before-template, and --snapshot before-template", o.Name, o.Name)
		}
	}
	takes, err := a.takenBy(ctx, v)
	if err != nil {
		return none, v, err
	}
	spec := a.templateSpec(ctx, o, v)
	i, err := a.newImage(ctx, c, wire.ImportImage{Name: body.Name, Labels: body.Labels}, spec, takes)
	if err != nil {
		return none, v, err
	}
	c.step("copy disk %s of vm %s (volume %s, %s) into the library", device, o.Name, v.Name, v.Spec.Size)
	c.notes = append(c.notes, insideTemplate(o, device, body.Name)...)
	return i, v, nil
}

// bootDisk is the disk that the firmware tries first.
func bootDisk(s vm.Spec) string {
	best := ""
	for _, device := range slices.Sorted(maps.Keys(s.Disks)) {
		at, than := s.Disks[device].BootIndex, s.Disks[best].BootIndex
		if best == "" || at > 0 && (than == 0 || at < than) {
			best = device
		}
	}
	if _, ok := s.Disks["root"]; ok && s.Disks[best].BootIndex == 0 {
		return "root"
	}
	return best
}

// templateSpec is what VMs of a template begin with: what this one has.
func (a *Actions) templateSpec(ctx context.Context, o vm.Object, v storage.Volume) storage.ImageSpec {
	spec := storage.ImageSpec{Kind: storage.DiskImage, Source: storage.ImageSource{VM: o.Name}, Arch: o.Spec.Arch}
	if base, found, err := store.Find[storage.Image](ctx, a.Store, imageKey(o.Project, v.Spec.Image)); v.Spec.Image != "" && found && err == nil {
		spec.OS, spec.Version, spec.User, spec.CloudInit = base.Spec.OS, base.Spec.Version, base.Spec.User, base.Spec.CloudInit
	}
	if c := o.Spec.CloudInit; c != nil {
		spec.CloudInit = true
		if c.User != "" {
			spec.User = c.User
		}
	}
	full, _ := vm.Effective(o.Spec, a.Facts().Arch)
	spec.Arch = full.Arch
	spec.Needs = storage.Needs{CPUs: full.CPUs, Memory: full.Memory, Disk: v.Spec.Size}
	spec.Template = &storage.Template{
		OS: string(o.Spec.OS), Machine: o.Spec.Machine, Firmware: string(o.Spec.Firmware), SecureBoot: o.Spec.SecureBoot, TPM: o.Spec.TPM != nil,
	}
	return spec
}

// takeContent copies a volume into the library, as what the image is made of.
func (a *Actions) takeContent(ctx context.Context, call Call, i storage.Image, v storage.Volume, snapshot string) (err error) {
	ref := model.Ref{Project: v.Project, Name: v.Name}
	if snapshot != "" { // its VM may run on: a linked clone of it is nobody's to write to
		clone := model.Ref{Project: v.Project, Name: "template-" + i.UID[:8]}
		if _, err := a.CloneVolume(ctx, onBehalf(call), ref, wire.CloneVolume{Name: clone.Name, Linked: true, Snapshot: snapshot}); err != nil {
			return err
		}
		defer func() {
			if _, gone := a.DeleteVolume(context.WithoutCancel(ctx), onBehalf(call), clone, true); gone != nil {
				a.Log.Error("a template left a volume", "volume", clone.Name, "err", gone)
			}
		}()
		ref = clone
	}
	v, done, err := a.reading(ctx, call, ImageCreate, ref, false)
	if err != nil {
		return err
	}
	defer done()
	f, err := a.Volumes.Export(ctx, v, string(storage.QCOW2))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fault.New(fault.Internal, "cannot read what was made of volume %q", v.Name).Because(err)
	}
	return a.Images.Receive(ctx, i.UID, model.Bytes(info.Size()), f)
}

// insideTemplate says what of a guest is in a template, and what is not.
func insideTemplate(o vm.Object, device, name string) finding.List {
	var found finding.List
	say := func(severity finding.Severity, code, what, why, remedy string) {
		found = append(found, finding.Finding{Code: code, Severity: severity, Subject: []string{"image/" + name, "vm/" + o.Name}, What: what, Why: why, Remedy: remedy})
	}
	say(finding.Consequence, "HV-IMG-036", fmt.Sprintf("what the guest of %s has made of itself is in image %s: users and their keys, logs, shell histories, DHCP leases, secrets of programs", o.Name, name),
		"its disk is copied as it is, and nobody here opens it to clean it", "clean it in the guest first, where others are to have it")
	if o.Spec.CloudInit == nil {
		say(finding.Limited, "HV-IMG-037", "VMs of image "+name+" have the machine-id and the SSH host keys of "+o.Name+", where cloud-init is not in it", "", "empty /etc/machine-id and delete /etc/ssh/ssh_host_* in the guest before")
	} else {
		say(finding.Advice, "HV-IMG-036", "VMs of image "+name+" get a machine-id and SSH host keys of their own by cloud-init, whose instance is a new one", "", "")
	}
	for _, other := range slices.Sorted(maps.Keys(o.Spec.Disks)) {
		if other != device && !o.Spec.Disks[other].ReadOnly {
			say(finding.Consequence, "HV-IMG-036", fmt.Sprintf("disk %s of %s is not in image %s", other, o.Name, name), "", fmt.Sprintf("hv image create %s-%s --from-vm %s --disk %s", name, other, o.Name, other))
		}
	}
	return found
}
