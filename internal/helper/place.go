package helper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/cgroup"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/scope"
)

// place is where a VM's processes stand among the host's cgroups. The passts have a group of their own, and so have
// the swtpm and the virtiofsds: their memory is not the guest's.
type place struct {
	qemu, links, tpm, shares group
}

func (p place) all() []group { return []group{p.qemu, p.links, p.tpm, p.shares} }

type group struct {
	tree *cgroup.Tree
	name string
}

// Make is the tree's.
func (p group) Make(l cgroup.Limits) (*os.File, error) { return p.tree.Make(p.name, l) }

// place is below the VM's scope where it has one, and in our own folder of the hierarchy where not.
func (h *Helper) place(g *guest) place {
	if g.record.Cgroup != "" {
		tree := h.tree.Under(g.record.Cgroup)
		return place{group{tree, "qemu"}, group{tree, "uplinks"}, group{tree, "tpm"}, group{tree, "shares"}}
	}
	return place{group{h.tree, g.vm}, group{h.tree, g.vm + ".uplinks"}, group{h.tree, g.vm + ".tpm"}, group{h.tree, g.vm + ".shares"}}
}

// scopeFor is the unit that a VM is about to have; none where systemd does not run this host, or cannot be asked:
// a VM that starts outside of a unit is better than one that does not start.
func (h *Helper) scopeFor(name, vm string) string {
	if h.units == nil {
		return ""
	}
	if err := h.units.Answers(); err != nil {
		h.say("VM %s gets no unit of systemd's: %v", name, err)
		return ""
	}
	return scope.Name(name, vm)
}

// enroll registers the VM's process as its scope, with its limits in a group below it. The shim waits for its order
// meanwhile: whatever it becomes has been in there from its first instruction on.
func (h *Helper) enroll(g *guest, l cgroup.Limits) error {
	if g.record.Scope == "" {
		return nil
	}
	if err := h.units.Register(g.record.Scope, fmt.Sprintf("Hyper-NixOS VM %s (%s)", g.record.Name, g.vm), g.record.PID); err != nil {
		return fault.New(fault.Unavailable, "no unit for the VM").Because(err).Try("systemctl status %s dbus", scope.Slice)
	}
	// Where systemd keeps its units in version 1 alone, our own folder of version 2 serves, if there is one.
	if path, err := h.proc.Cgroup(g.record.PID); err == nil && filepath.Base(path) == g.record.Scope {
		g.record.Cgroup = path
	}
	p := h.place(g).qemu
	return p.tree.Enter(p.name, g.record.PID, l)
}

// leave ends what is left in a VM's groups and takes them away, and its unit.
func (h *Helper) leave(g *guest) error {
	var errs []error
	for _, p := range h.place(g).all() {
		errs = append(errs, p.tree.Remove(p.name))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if g.record.Scope == "" || h.units == nil {
		return nil
	}
	// An empty scope goes by itself; this is for one that is not, and so that the next run of the VM meets none.
	if err := h.units.End(g.record.Scope); err != nil {
		h.say("VM %s: its unit may be left: %v", g.vm, err)
	}
	return nil
}
