package helper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/cgroup"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/scope"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/seal"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/thin"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// Serve answers hvd until ctx ends. VMs go on without it, and the next helper adopts them.
func Serve(ctx context.Context, o Options, log io.Writer) (err error) {
	h, err := open(o, log)
	if err != nil {
		return fault.Wrap(err, "cannot start hv-helper")
	}
	defer h.close()
	l, err := h.folder.ListenHelper(privilege.HelperSocket)
	if err != nil {
		return fault.Wrap(err, "cannot start hv-helper")
	}
	defer func() { _ = os.Remove(filepath.Join(h.folder.Path, privilege.HelperSocket)) }() // the lock is still ours
	s := &server{helper: h, hvd: uint32(h.owners.HVD), root: uint32(h.owners.Root)}
	if err := announce(o.ReadyFD); err != nil {
		return errors.Join(err, l.Close())
	}
	h.say("ready on %s", filepath.Join(h.folder.Path, privilege.HelperSocket))
	return s.serve(ctx, l)
}

// Helper is what the verbs work on.
type Helper struct {
	folder *run.Folder
	owners run.Owners
	proc   proc.FS
	tree   *cgroup.Tree
	units  *scope.Systemd // nil where systemd does not run this host
	boot   string
	log    io.Writer
	above  string   // <state>
	state  *os.File // <state>/helper
	guests guests
	ids    ids
	kvm    kvmVerdict
	thin   *thin.Volumes
	seal   *seal.Seal
	strays []string
}

// open takes the state folder's lock, and adopts what an earlier helper has started.
func open(o Options, log io.Writer) (_ *Helper, err error) {
	unix.Umask(0o077)
	state, err := filepath.Abs(o.State)
	if err != nil {
		return nil, err
	}
	h := &Helper{proc: proc.Host, log: log, above: state}
	if h.owners, err = owners(o.HVDUser, o.Group); err != nil {
		return nil, err
	}
	if h.boot, err = h.proc.BootID(); err != nil {
		return nil, err
	}
	path := o.RunPath
	if path == "" {
		path = privilege.RunFolder(state)
	}
	if h.folder, err = run.Open(path, h.owners); err != nil {
		if errors.Is(err, run.ErrLocked) {
			return nil, fault.New(fault.Conflict, "%s", state).Because(err)
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.state, err = stateFolder(state, h.owners); err != nil {
		return nil, err
	}
	h.openSeal()
	table, err := uid.Open(h.state)
	if err != nil {
		return nil, fault.New(fault.Internal, "the table of VMs' uids in %s cannot be used", state).Because(err).
			Try("when no VM runs, move %s/helper/uids.json away: VMs get new uids", state)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	h.units = scope.Find()
	h.tree = cgroup.Find(string(mounts), "hv-"+filepath.Base(path))
	h.ids = ids{table: table, helper: h}
	h.thin = thin.New(filepath.Base(path), h.owners.HVD, h.owners.HVDGroup)
	h.guests.all = map[string]*guest{}
	if err = h.adopt(); err != nil {
		return nil, err
	}
	return h, nil
}

// close lets go of everything but the VMs.
func (h *Helper) close() {
	h.guests.close()
	h.units.Close()
	if h.tree != nil {
		h.tree.Close()
	}
	if h.state != nil {
		_ = h.state.Close() // a folder
	}
	h.folder.RemoveDead(privilege.APISocket)
	h.folder.Close()
}

// say writes one line for the host's owner.
func (h *Helper) say(format string, args ...any) {
	_, _ = fmt.Fprintf(h.log, "hv-helper: "+format+"\n", args...) // there is nowhere else to say it
}

// cgroupWords is the tree as hvd hears of it.
func (h *Helper) cgroupWords() privilege.Cgroup {
	return privilege.Cgroup{Mode: h.tree.Mode, Controllers: h.tree.Controllers, Enforced: h.tree.Enforced(), Why: h.tree.Why}
}

// goneSoon is how long a process that was killed may take to end.
const goneSoon = 5 * time.Second
