package view

import (
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/guest/cloudinit"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applyVM(ref model.Ref, ev store.Event, gone bool) error {
	if gone {
		v.count(v.vms[ref], -1)
		delete(v.vms, ref)
		v.vmRows.drop(key(ref))
		return nil
	}
	o, err := store.Decode[vm.Object](ev.KV)
	if err != nil {
		return err
	}
	o.Revision = ev.KV.ModRevision
	e := v.vms[ref]
	if e == nil {
		e = &vmEntry{}
		v.vms[ref] = e
	}
	e.object = o
	v.vmRow(ref, e)
	return nil
}

func (v *View) applyPower(ref model.Ref, ev store.Event, gone bool) error {
	e := v.vms[ref]
	if gone {
		if e != nil {
			v.count(e, -1)
			e.power = nil
			v.vmRow(ref, e)
		}
		return nil
	}
	st, err := store.Decode[vm.PowerStatus](ev.KV)
	if err != nil {
		return err
	}
	if e == nil { // its spec comes later in the same load, or never
		e = &vmEntry{}
		v.vms[ref] = e
	}
	v.count(e, -1)
	e.power = &st
	v.count(e, 1)
	v.vmRow(ref, e)
	return nil
}

// statused is the entry of the VM that a status is of, which may come before its VM, as with its power; nil where the status of
// none is gone.
func (v *View) statused(ref model.Ref, gone bool) *vmEntry {
	e := v.vms[ref]
	if e == nil && !gone {
		e = &vmEntry{}
		v.vms[ref] = e
	}
	return e
}

func (v *View) applyGuest(ref model.Ref, ev store.Event, gone bool) error {
	e := v.statused(ref, gone)
	if e == nil {
		return nil
	}
	e.guest = nil
	if !gone {
		g, err := store.Decode[vm.GuestStatus](ev.KV)
		if err != nil {
			return err
		}
		e.guest = &g
	}
	v.vmRow(ref, e)
	return nil
}

// says is what the guest of a VM says of itself; nil where the VM does not run, or runs anew since.
func (e *vmEntry) says() *vm.GuestStatus {
	p := e.power
	if e.guest == nil || p == nil || !p.State.Alive() || p.Process == nil || p.Process.Begun != nil && p.Process.Begun.After(e.guest.Seen) {
		return nil
	}
	return e.guest
}

// listed is how many addresses of a guest a list has.
const listed = 2

func (v *View) count(e *vmEntry, n int) {
	if e != nil && e.power != nil && e.power.State.Alive() {
		v.running += n
	}
}

func key(r model.Ref) string { return r.Project + "/" + r.Name }

func (v *View) vmRow(ref model.Ref, e *vmEntry) {
	o := e.object
	if o.Name == "" {
		return
	}
	full, _ := vm.Effective(o.Spec, v.Facts().Arch)
	s := wire.VMSummary{
		Name: o.Name, Project: o.Project, UID: o.UID, State: vm.StateOff, Wish: full.Power, CPUs: full.CPUs, Memory: full.Memory,
		Labels: o.Labels, Origin: o.Origin, Created: o.Created,
	}
	if p := e.power; p != nil {
		s.State, s.Accel, s.Pending = p.State, p.Accelerator, p.Pending
		if !p.Since.IsZero() {
			s.Since = &p.Since
		}
		if p.Problem != nil {
			s.Trouble = clip(p.Problem.What)
		}
	}
	if g := e.says(); g != nil {
		s.Addresses = g.Addresses[:min(len(g.Addresses), listed)]
	}
	v.vmRows.put(key(ref), row{name: o.Name, labels: o.Labels, item: encode(s)})
}

// clip cuts what a list tells of a trouble: QEMU's last words are in it, and all of it is in the VM.
func clip(text string) string {
	const most = 160
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// VMs lists the VMs of a project.
func (v *View) VMs(_ context.Context, project string, opt ListOptions) (wire.Page, error) {
	return v.list(v.vmRows, project, opt)
}

func (v *View) list(t *table, project string, opt ListOptions) (wire.Page, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	prefix := ""
	if project != "" {
		prefix = project + "/"
	}
	p, err := t.page(prefix, opt)
	p.Revision = v.revision
	return p, err
}

// VM returns one VM in full. Its Metadata.Revision is what If-Match compares with.
func (v *View) VM(ctx context.Context, ref model.Ref) (wire.VM, error) {
	v.mu.RLock()
	e := v.vms[ref]
	var o vm.Object
	var power *vm.PowerStatus
	var guest *vm.GuestStatus
	var schedule *vm.ScheduleStatus
	if e != nil {
		o, power, guest, schedule = e.object, e.power, e.says(), v.scheduled(e)
	}
	closed := v.closedDisk(ref, o.Spec.Disks)
	v.mu.RUnlock()
	if o.Name == "" {
		return wire.VM{}, notFound("vm", ref.String(), "hv vm list").WithCode("HV-VM-021")
	}
	facts := v.Facts()
	features, _, err := v.Config.Features(ctx)
	if err != nil {
		return wire.VM{}, err
	}
	full, filled := vm.Effective(o.Spec, facts.Arch)
	out := wire.VM{
		Kind: "vm", Metadata: o.Metadata, Spec: o.Spec.Shown(), Effective: full.Shown(), Defaults: filled, Status: vm.Status{Power: withoutSecrets(power), Guest: guest, Schedule: schedule},
		Findings: config.CheckVMs([]vm.Definition{{Name: o.Name, Labels: o.Labels, Spec: o.Spec}}, nil, facts, features),
	}
	out.Findings = append(out.Findings, missing(o.Name, schedule)...)
	if closed != "" {
		out.Findings = append(out.Findings, finding.Finding{
			Code: "HV-KEY-002", Severity: finding.Waiting, Subject: []string{"vm/" + o.Name}, What: "it cannot be started: " + closed,
			Remedy: "hv key list",
		})
	}
	return out, nil
}

// withoutSecrets is what is shown of what was seen: what a process was started with, and what was saved of
// one, may hold secrets.
func withoutSecrets(p *vm.PowerStatus) *vm.PowerStatus {
	if p == nil {
		return nil
	}
	out := *p
	if p.Process != nil {
		process := startedShown(*p.Process)
		out.Process = &process
	}
	if p.Saved != nil {
		saved := *p.Saved
		saved.Process = startedShown(saved.Process)
		out.Saved = &saved
	}
	return &out
}

func startedShown(p vm.Process) vm.Process {
	if p.Started != nil && p.Started.CloudInit != nil {
		started := p.Started.Shown()
		p.Started = &started
	}
	return p
}

// CloudInit is what a VM's guest is told at its first boot; secrets only where asked for.
func (v *View) CloudInit(_ context.Context, ref model.Ref, secrets bool) (wire.CloudInit, error) {
	v.mu.RLock()
	e := v.vms[ref]
	var o vm.Object
	if e != nil {
		o = e.object
	}
	v.mu.RUnlock()
	if o.Name == "" {
		return wire.CloudInit{}, notFound("vm", ref.String(), "hv vm list").WithCode("HV-VM-021")
	}
	if o.Spec.CloudInit == nil {
		return wire.CloudInit{}, fault.New(fault.NotFound, "vm %q has no cloudInit", o.Name).
			Try("hv vm edit %s: cloudInit = { user = …; sshKeys = [ … ]; }", o.Name).WithCode("HV-GUEST-010")
	}
	spec := o.Spec
	if !secrets { // what is made of it is hidden with it
		c := *spec.CloudInit
		if c.PasswordHash != "" {
			c.PasswordHash = vm.Hidden
		}
		spec.CloudInit = &c
	}
	files, err := cloudinit.Files(o.Name, o.Spec.UUID, *spec.CloudInit)
	if err != nil {
		return wire.CloudInit{}, err
	}
	if !secrets {
		files = cloudinit.Shown(files, *spec.CloudInit)
	}
	return wire.CloudInit{
		UserData: string(files[cloudinit.UserData]), MetaData: string(files[cloudinit.MetaData]),
		VendorData: string(files[cloudinit.VendorData]), NetworkConfig: string(files[cloudinit.NetworkConfig]),
	}, nil
}
