//go:build linux

package fakehost

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/console"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/internal/reconcile"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/image"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/saved"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakeseal"
)

// step does one step of a plan between two points, which are named after its kind.
func (p *Points) step(kind plan.Kind, f func() error) error { return p.around(string(kind), f) }

// cutStore is a store whose commits are between points: "commit" are the engine's, "wish" are action's.
type cutStore struct {
	*local.Store
	host   *Host
	points *Points
	name   string
}

func (s *cutStore) Commit(ctx context.Context, txn store.Txn) (res store.Result, err error) {
	s.host.mu.Lock()
	full, unwritten := s.host.full, s.host.unwritten
	s.host.mu.Unlock()
	if full != nil {
		select {
		case unwritten <- struct{}{}:
		default:
		}
		return res, full
	}
	name := s.name
	if putsBack(txn) {
		name = string(plan.Restore)
	}
	err = s.points.around(name, func() error {
		res, err = s.Store.Commit(ctx, txn)
		return err
	})
	return res, err
}

// putsBack says that a commit is the one with which volumes go back to a snapshot: they get other layers, those that they
// had are dropped, and the snapshot stays.
func putsBack(txn store.Txn) bool {
	volumes, dropped := false, false
	for _, op := range txn.Then {
		if op.Kind != store.OpPut {
			return false
		}
		volumes = volumes || strings.HasPrefix(op.Key, store.SpecPrefix(reconcile.KindVolume))
		dropped = dropped || strings.HasPrefix(op.Key, store.SpecPrefix(reconcile.KindDropped))
	}
	return volumes && dropped
}

// cutAudit is the audit log: "intent" and "outcome" of each action.
type cutAudit struct {
	*audit.Log
	points *Points
}

func (a *cutAudit) Append(ctx context.Context, r audit.Record) (res audit.Receipt, err error) {
	err = a.points.around(string(r.Phase), func() error {
		res, err = a.Log.Append(ctx, r)
		return err
	})
	return res, err
}

// cutSeal is the way to hv-helper's seal.
type cutSeal struct {
	*fakeseal.Seal
	points *Points
}

func (s *cutSeal) Harden(ctx context.Context, h privilege.Harden, vms []string) (st privilege.SealState, err error) {
	err = s.points.around("harden", func() error { st, err = s.Seal.Harden(ctx, h, vms); return err })
	return st, err
}

func (s *cutSeal) Unlock(ctx context.Context, u privilege.Unlock) (st privilege.SealState, err error) {
	err = s.points.around("unlock", func() error { st, err = s.Seal.Unlock(ctx, u); return err })
	return st, err
}

func (s *cutSeal) Relock(ctx context.Context, r privilege.Relock) (st privilege.SealState, err error) {
	err = s.points.around("relock", func() error { st, err = s.Seal.Relock(ctx, r); return err })
	return st, err
}

func (s *cutSeal) Unseal(ctx context.Context) (st privilege.SealState, err error) {
	err = s.points.around("unseal", func() error { st, err = s.Seal.Unseal(ctx); return err })
	return st, err
}

// cutCopy is the copy of what was sealed, in a file of the host's folder.
type cutCopy struct {
	host   *Host
	points *Points
}

// SealedCopy is that file.
func (h *Host) SealedCopy() string { return filepath.Join(h.dir, "sealed.json") }

func (c *cutCopy) Keep(data []byte) error {
	return c.points.around("keep what is sealed", func() error {
		fresh := c.host.SealedCopy() + ".new"
		return errors.Join(os.WriteFile(fresh, data, 0o600), os.Rename(fresh, c.host.SealedCopy()))
	})
}

func (c *cutCopy) Kept() ([]byte, error) {
	data, err := os.ReadFile(c.host.SealedCopy())
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no copy of what was sealed")
	}
	return data, err
}

// cutHypervisor is the engine's hand on processes.
type cutHypervisor struct {
	*qemu.Host
	points *Points
}

func (h *cutHypervisor) Launch(ctx context.Context, l privilege.Launch, files []*os.File) (p vm.Process, err error) {
	err = h.points.step(plan.Launch, func() error { p, err = h.Host.Launch(ctx, l, files); return err })
	return p, err
}

func (h *cutHypervisor) Attach(ctx context.Context, uuid string) (v string, err error) {
	err = h.points.step(plan.Attach, func() error { v, err = h.Host.Attach(ctx, uuid); return err })
	return v, err
}

func (h *cutHypervisor) Continue(ctx context.Context, uuid string) error {
	return h.points.step(plan.Continue, func() error { return h.Host.Continue(ctx, uuid) })
}

func (h *cutHypervisor) Pause(ctx context.Context, uuid string) error {
	return h.points.step(plan.Pause, func() error { return h.Host.Pause(ctx, uuid) })
}

func (h *cutHypervisor) Save(ctx context.Context, uuid string, f *os.File) error {
	return h.points.step(plan.Save, func() error { return h.Host.Save(ctx, uuid, f) })
}

func (h *cutHypervisor) Abandon(ctx context.Context, uuid string) error {
	return h.points.step(plan.Abandon, func() error { return h.Host.Abandon(ctx, uuid) })
}

func (h *cutHypervisor) Load(ctx context.Context, uuid string, f *os.File) error {
	return h.points.step(plan.Load, func() error { return h.Host.Load(ctx, uuid, f) })
}

func (h *cutHypervisor) Overlay(ctx context.Context, uuid string, disks []qmp.Overlay, files []*os.File, within func(context.Context) error) (pause time.Duration, err error) {
	err = h.points.around("overlay", func() error {
		pause, err = h.Host.Overlay(ctx, uuid, disks, files, within)
		return err
	})
	return pause, err
}

func (h *cutHypervisor) Mirror(ctx context.Context, uuid string, d qmp.Mirror, open func() (*os.File, error), tell func(float64)) error {
	return h.points.step(plan.MirrorDisk, func() error { return h.Host.Mirror(ctx, uuid, d, open, tell) })
}

func (h *cutHypervisor) HoldMirror(ctx context.Context, uuid string, d qmp.Mirror, takesPlace bool) error {
	kind := plan.SplitDisk
	if takesPlace {
		kind = plan.HoldDisk
	}
	return h.points.step(kind, func() error { return h.Host.HoldMirror(ctx, uuid, d, takesPlace) })
}

func (h *cutHypervisor) SettleMirror(ctx context.Context, uuid string, d qmp.Mirror) error {
	return h.points.step(plan.SwitchDisk, func() error { return h.Host.SettleMirror(ctx, uuid, d) })
}

func (h *cutHypervisor) EndMirror(ctx context.Context, uuid string, d qmp.Mirror) error {
	return h.points.step(plan.EndMirror, func() error { return h.Host.EndMirror(ctx, uuid, d) })
}

func (h *cutHypervisor) Merge(ctx context.Context, uuid string, m machine.Merge, files []*os.File) (at *operation.Progress, err error) {
	err = h.points.around("merge", func() error { at, err = h.Host.Merge(ctx, uuid, m, files); return err })
	return at, err
}

func (h *cutHypervisor) Settle(ctx context.Context, uuid string, m machine.Merge, files []*os.File) error {
	return h.points.around("settle", func() error { return h.Host.Settle(ctx, uuid, m, files) })
}

func (h *cutHypervisor) Plug(ctx context.Context, uuid string, d qmp.Hotplug, files ...*os.File) error {
	return h.points.step(plan.Plug, func() error { return h.Host.Plug(ctx, uuid, d, files...) })
}

func (h *cutHypervisor) Unplug(ctx context.Context, uuid string, d qmp.Hotplug) error {
	return h.points.step(plan.Unplug, func() error { return h.Host.Unplug(ctx, uuid, d) })
}

func (h *cutHypervisor) ResizeDisk(ctx context.Context, uuid, device string, size model.Bytes) error {
	return h.points.step(plan.ResizeDisk, func() error { return h.Host.ResizeDisk(ctx, uuid, device, size) })
}

func (h *cutHypervisor) ChangeMedium(ctx context.Context, uuid string, d qmp.Hotplug, f *os.File, force bool) error {
	return h.points.step(plan.Medium, func() error { return h.Host.ChangeMedium(ctx, uuid, d, f, force) })
}

func (h *cutHypervisor) SetLink(ctx context.Context, uuid, device string, up bool) error {
	return h.points.step(plan.Link, func() error { return h.Host.SetLink(ctx, uuid, device, up) })
}

func (h *cutHypervisor) Throttle(ctx context.Context, uuid string, l qmp.Limits) error {
	return h.points.step(plan.Throttle, func() error { return h.Host.Throttle(ctx, uuid, l) })
}

func (h *cutHypervisor) Pin(ctx context.Context, uuid string, p *vm.Pinning) error {
	return h.points.step(plan.Pin, func() error { return h.Host.Pin(ctx, uuid, p) })
}

func (h *cutHypervisor) SetMemory(ctx context.Context, uuid string, r qmp.Room) error {
	return h.points.step(plan.Memory, func() error { return h.Host.SetMemory(ctx, uuid, r) })
}

func (h *cutHypervisor) SetCPUs(ctx context.Context, uuid string, cpus int) error {
	return h.points.step(plan.CPUs, func() error { return h.Host.SetCPUs(ctx, uuid, cpus) })
}

func (h *cutHypervisor) PowerDown(ctx context.Context, uuid string) error {
	return h.points.step(plan.PowerDown, func() error { return h.Host.PowerDown(ctx, uuid) })
}

func (h *cutHypervisor) Reset(ctx context.Context, uuid string) error {
	return h.points.step(plan.Reset, func() error { return h.Host.Reset(ctx, uuid) })
}

func (h *cutHypervisor) Quit(ctx context.Context, uuid string) error {
	return h.points.step(plan.Quit, func() error { return h.Host.Quit(ctx, uuid) })
}

func (h *cutHypervisor) StopOnReboot(ctx context.Context, uuid string, stop bool) error {
	return h.points.around("stop on reboot", func() error { return h.Host.StopOnReboot(ctx, uuid, stop) })
}

func (h *cutHypervisor) Kill(ctx context.Context, uuid string) error {
	return h.points.step(plan.Kill, func() error { return h.Host.Kill(ctx, uuid) })
}

func (h *cutHypervisor) Cleanup(ctx context.Context, uuid string) error {
	return h.points.step(plan.Cleanup, func() error { return h.Host.Cleanup(ctx, uuid) })
}

func (h *cutHypervisor) Forget(ctx context.Context, uuid string) error {
	return h.points.step(plan.Forget, func() error { return h.Host.Forget(ctx, uuid) })
}

// cutVolumes is the pool of volumes.
type cutVolumes struct {
	*pools.Pools
	points *Points
}

func (v *cutVolumes) Create(ctx context.Context, vol storage.Volume) error {
	return v.points.step(plan.CreateVolume, func() error { return v.Pools.Create(ctx, vol) })
}

func (v *cutVolumes) Grow(ctx context.Context, vol storage.Volume) error {
	return v.points.step(plan.GrowVolume, func() error { return v.Pools.Grow(ctx, vol) })
}

func (v *cutVolumes) Copy(ctx context.Context, from, to storage.Volume, tell func(percent float64)) error {
	return v.points.step(plan.CopyVolume, func() error { return v.Pools.Copy(ctx, from, to, tell) })
}

func (v *cutVolumes) Fetch(ctx context.Context, vol storage.Volume, get func(context.Context, *os.File, *os.File, model.Bytes) error) error {
	return v.points.step(plan.CopyVolume, func() error { return v.Pools.Fetch(ctx, vol, get) })
}

func (v *cutVolumes) Merge(ctx context.Context, chain []storage.Layer, m storage.Merge, tell func(percent float64)) error {
	return v.points.around("merge files", func() error { return v.Pools.Merge(ctx, chain, m, tell) })
}

func (v *cutVolumes) Discard(ctx context.Context, layers []storage.Layer) error {
	return v.points.step(plan.DiscardFiles, func() error { return v.Pools.Discard(ctx, layers) })
}

func (v *cutVolumes) Delete(ctx context.Context, vol storage.Volume) error {
	return v.points.step(plan.DeleteVolume, func() error { return v.Pools.Delete(ctx, vol) })
}

func (v *cutVolumes) Receive(ctx context.Context, vol storage.Volume, size model.Bytes, r io.Reader) (sum string, virtual model.Bytes, err error) {
	err = v.points.around("receive volume", func() error {
		sum, virtual, err = v.Pools.Receive(ctx, vol, size, r)
		return err
	})
	return sum, virtual, err
}

// cutImages is the library of images.
type cutImages struct {
	*image.Library
	points *Points
}

func (l *cutImages) Make(ctx context.Context, i storage.Image, tell func(string, model.Bytes, model.Bytes)) (st storage.ImageStatus, err error) {
	err = l.points.step(plan.MakeImage, func() error { st, err = l.Library.Make(ctx, i, tell); return err })
	return st, err
}

func (l *cutImages) Remove(ctx context.Context, uid string) error {
	return l.points.step(plan.DeleteImage, func() error { return l.Library.Remove(ctx, uid) })
}

// cutSaved are the files of suspended VMs.
type cutSaved struct {
	*saved.Files
	host   *Host
	points *Points
}

func (s *cutSaved) Create(ctx context.Context, name string, need model.Bytes) (f *os.File, err error) {
	err = s.points.around("make a file to save in", func() error { f, err = s.Files.Create(ctx, name, need); return err })
	return unless(err, f), err
}

func (s *cutSaved) Keep(ctx context.Context, name string) (n model.Bytes, err error) {
	s.host.mu.Lock()
	lost := s.host.flush
	s.host.mu.Unlock()
	if lost != nil {
		return 0, lost
	}
	err = s.points.step(plan.Keep, func() error { n, err = s.Files.Keep(ctx, name); return err })
	s.fill()
	return n, err
}

func (s *cutSaved) Open(ctx context.Context, name string) (*os.File, error) {
	s.fill()
	return s.Files.Open(ctx, name)
}

// fill loses the store, where that is to come.
func (s *cutSaved) fill() {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	s.host.full = s.host.fills
}

func (s *cutSaved) Remove(ctx context.Context, uuid string) error {
	return s.points.step(plan.Discard, func() error { return s.Files.Remove(ctx, uuid) })
}

// cutLogs are VMs' logs.
type cutLogs struct {
	*console.Logs
	points *Points
}

func (l *cutLogs) Remove(uuid string) error {
	return l.points.around("remove logs", func() error { return l.Logs.Remove(uuid) })
}

// cutHelper is the way to hv-helper: before a verb is asked, and after it was done and before it is answered.
// The helper that stays away is told by Unavailable, as a socket that nobody serves.
type cutHelper struct {
	*Helper
	points *Points
}

func (h *cutHelper) Launch(ctx context.Context, l privilege.Launch, files []*os.File) (r privilege.LaunchReply, f *os.File, err error) {
	err = h.points.around("helper's launch", func() error { r, f, err = h.Helper.Launch(ctx, l, files); return err })
	return r, unless(err, f), err
}

func (h *cutHelper) List(ctx context.Context) (r privilege.ListReply, err error) {
	err = h.points.around("helper's list", func() error { r, err = h.Helper.List(ctx); return err })
	return r, err
}

func (h *cutHelper) Attach(ctx context.Context, vm string) (f *os.File, err error) {
	err = h.points.around("helper's attach", func() error { f, err = h.Helper.Attach(ctx, vm); return err })
	return unless(err, f), err
}

func (h *cutHelper) Kill(ctx context.Context, vm, signal string) error {
	return h.points.around("helper's kill", func() error { return h.Helper.Kill(ctx, vm, signal) })
}

func (h *cutHelper) Cleanup(ctx context.Context, vm string) error {
	return h.points.around("helper's cleanup", func() error { return h.Helper.Cleanup(ctx, vm) })
}

func (h *cutHelper) Forget(ctx context.Context, vm string) error {
	return h.points.around("helper's forget", func() error { return h.Helper.Forget(ctx, vm) })
}

func (h *cutHelper) Uplink(ctx context.Context, u privilege.Uplink) error {
	return h.points.around("helper's uplink", func() error { return h.Helper.Uplink(ctx, u) })
}

func (h *cutHelper) Socket(ctx context.Context, u privilege.Uplink) (f *os.File, err error) {
	err = h.points.around("helper's socket", func() error { f, err = h.Helper.Socket(ctx, u); return err })
	return unless(err, f), err
}

func (h *cutHelper) Pin(ctx context.Context, p privilege.Pin) error {
	return h.points.around("pin", func() error { return h.Helper.Pin(ctx, p) })
}

func (h *cutHelper) Cut(ctx context.Context, u privilege.Uplink) error {
	return h.points.around("helper's cut", func() error { return h.Helper.Cut(ctx, u) })
}

func (h *cutHelper) Usage(ctx context.Context, u privilege.Usage) (used []privilege.VMUsage, err error) {
	err = h.points.around("helper's usage", func() error { used, err = h.Helper.Usage(ctx, u); return err })
	return used, err
}

// unless returns f, or closes it where the answer that it came with was lost.
func unless(err error, f *os.File) *os.File {
	if err != nil && f != nil {
		_ = errors.Join(err, f.Close())
		return nil
	}
	return f
}
