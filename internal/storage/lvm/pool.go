//go:build linux

// Package lvm is the pool that keeps volumes as thin volumes of LVM, in a thin pool that root has tagged for it.
//
// What lives here: volumes by their names, their states, the notes beside them. What does not: LVM's programs and the devices,
// which are hv-helper's (internal/helper/thin); a descriptor of a device is all that comes from there.
//
// A volume that is being made bears a tag until all of it is durable, and one that arrives another: LVM changes tags in one
// step, which is what a rename is in a folder. A full copy is a thin snapshot. Layers are not kept on such a pool: they are
// qcow2 images, and how long a device has to be for one is not known before it is full. Source: lvmthin(7).
package lvm

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Hands do what needs root: privilege.Client.
type Hands interface {
	ThinPool(ctx context.Context, p privilege.ThinPool) (privilege.ThinPoolReply, error)
	ThinChange(ctx context.Context, c privilege.ThinChange) error
	ThinOpen(ctx context.Context, o privilege.ThinOpen) (*os.File, error)
}

// Pool is one thin pool.
type Pool struct {
	name  string
	place privilege.ThinPlace
	hands Hands
	can   storage.Capabilities
	notes *log

	mu     sync.Mutex
	making map[string]bool
}

var _ backend.Backend = (*Pool)(nil)

// notesSize is of the volume that the notes stand in: two halves, each with room for some thousand volumes.
const notesSize = 64 * model.MiB

// Open opens the thin pool of this group, and takes away what an earlier daemon had begun to make.
func Open(ctx context.Context, name, group, pool string, hands Hands) (*Pool, error) {
	p := &Pool{name: name, place: privilege.ThinPlace{Group: group, Pool: pool}, hands: hands, can: storage.LVMThin.Can(), making: map[string]bool{}}
	all, err := hands.ThinPool(ctx, privilege.ThinPool{ThinPlace: p.place})
	if err != nil {
		return nil, fault.Wrap(err, "cannot open pool %q", name)
	}
	p.can.Step = model.Bytes(all.Extent)
	for _, v := range all.Volumes {
		if v.State == privilege.ThinMaking {
			_ = p.change(ctx, privilege.ThinChange{Do: privilege.ThinRemove, Name: v.Name}) // whoever has it open is about to end
		}
	}
	if p.notes, err = p.openNotes(ctx); err != nil {
		return nil, fault.Wrap(err, "cannot open the notes of pool %q", name)
	}
	return p, nil
}

// openNotes opens the volume of notes, made where it is missing.
func (p *Pool) openNotes(ctx context.Context) (*log, error) {
	v, err := p.look(ctx, privilege.ThinNotes)
	if errors.Is(err, fault.NotFound) || err == nil && v.State == privilege.ThinMaking {
		err = p.make(ctx, privilege.ThinNotes, notesSize, nil, "")
	}
	if err != nil {
		return nil, err
	}
	f, err := p.open(ctx, privilege.ThinOpen{Name: privilege.ThinNotes})
	if err != nil {
		return nil, err
	}
	l, err := readLog(f, int64(notesSize))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// Close lets go of the pool.
func (p *Pool) Close() error { return p.notes.close() }

// Can is what the pool can do.
func (p *Pool) Can() storage.Capabilities {
	c := p.can
	c.Formats = slices.Clone(c.Formats)
	return c
}

// Room is how much there is in the thin pool, of which all of its volumes take theirs. What it keeps of who has what is
// a room of its own: where that is full, nothing more can be written either.
func (p *Pool) Room(ctx context.Context) (storage.Room, error) {
	all, err := p.hands.ThinPool(ctx, privilege.ThinPool{ThinPlace: p.place, Only: privilege.ThinNotes})
	if err != nil {
		return storage.Room{}, fault.Wrap(err, "cannot measure pool %q", p.name)
	}
	used := model.Bytes(float64(all.Bytes) * all.DataPercent / 100)
	return storage.Room{Size: model.Bytes(all.Bytes), Free: model.Bytes(all.Bytes) - used, MetadataPercent: min(int(all.MetaPercent+1), 100)}, nil
}

func (p *Pool) change(ctx context.Context, c privilege.ThinChange) error {
	c.ThinPlace = p.place
	return p.hands.ThinChange(ctx, c)
}

// look looks for a volume that has a name; fault.NotFound says that there is none.
func (p *Pool) look(ctx context.Context, name string) (privilege.ThinVolume, error) {
	all, err := p.hands.ThinPool(ctx, privilege.ThinPool{ThinPlace: p.place, Only: name})
	if err == nil && len(all.Volumes) == 0 {
		err = p.gone(name)
	}
	if err != nil {
		return privilege.ThinVolume{}, fault.Wrap(err, "cannot look for %s in pool %q", name, p.name)
	}
	return all.Volumes[0], nil
}

func (p *Pool) gone(name string) error {
	return fault.New(fault.NotFound, "there is no %s in pool %q", name, p.name)
}

// whole is look for a volume that is more than begun.
func (p *Pool) whole(ctx context.Context, name string) (privilege.ThinVolume, error) {
	if err := checkName(name); err != nil {
		return privilege.ThinVolume{}, err
	}
	v, err := p.look(ctx, name)
	if err == nil && v.State == privilege.ThinMaking {
		err = p.gone(name)
	}
	return v, err
}

// checkName refuses what no volume here is called.
func checkName(name string) error {
	if err := backend.CheckName(name); err != nil {
		return err
	}
	if backend.FormatOf(name) != storage.Raw {
		return fault.New(fault.Invalid, "%s is no raw image, and a thin pool keeps no others", name).WithCode("HV-POOL-014")
	}
	return nil
}

// Exists reports whether a volume is there.
func (p *Pool) Exists(ctx context.Context, name string) (bool, error) {
	if err := backend.CheckName(name); err != nil || backend.FormatOf(name) != storage.Raw {
		return false, err
	}
	_, err := p.whole(ctx, name)
	if errors.Is(err, fault.NotFound) && fault.CodeOf(err) == "" {
		return false, nil
	}
	return err == nil, err
}

// Make makes a volume.
func (p *Pool) Make(ctx context.Context, name string, size model.Bytes, fill backend.Fill) error {
	return p.makeChecked(ctx, name, size, fill, "")
}

// Arrive makes one that no object names yet.
func (p *Pool) Arrive(ctx context.Context, name string, size model.Bytes, fill backend.Fill) error {
	return p.makeChecked(ctx, name, size, fill, privilege.ThinArriving)
}

func (p *Pool) makeChecked(ctx context.Context, name string, size model.Bytes, fill backend.Fill, then privilege.ThinState) error {
	if err := checkName(name); err != nil {
		return err
	}
	return p.failed(p.make(ctx, name, size, fill, then), "cannot make %s in pool %q", name)
}

func (p *Pool) failed(err error, format, name string) error {
	return backend.Full(osfault.File(err, format, name, p.name), p.name)
}

// make makes a volume, fills it and gives it the state that it is to have then. One that an earlier try has left is made anew.
func (p *Pool) make(ctx context.Context, name string, size model.Bytes, fill backend.Fill, then privilege.ThinState) (err error) {
	done, err := p.alone(name)
	if err != nil {
		return err
	}
	defer done()
	if size <= 0 {
		return fault.New(fault.Internal, "%s would have %d bytes", name, int64(size))
	}
	have, err := p.look(ctx, name)
	switch {
	case err == nil && have.State != privilege.ThinMaking:
		return nil
	case err == nil:
		err = p.change(ctx, privilege.ThinChange{Do: privilege.ThinRemove, Name: name})
	case errors.Is(err, fault.NotFound) && fault.CodeOf(err) == "":
		err = nil
	}
	if err != nil {
		return err
	}
	size = p.can.Round(size)
	if err := p.change(ctx, privilege.ThinChange{Do: privilege.ThinMake, Name: name, Bytes: int64(size)}); err != nil {
		return err
	}
	defer func() {
		if err != nil { // swept at the next start if not now
			_ = p.change(context.WithoutCancel(ctx), privilege.ThinChange{Do: privilege.ThinRemove, Name: name})
		}
	}()
	if fill != nil {
		if err := p.fill(ctx, name, fill); err != nil {
			return err
		}
	}
	return p.change(ctx, privilege.ThinChange{Do: privilege.ThinSet, Name: name, State: then})
}

func (p *Pool) fill(ctx context.Context, name string, fill backend.Fill) (err error) {
	f, err := p.open(ctx, privilege.ThinOpen{Name: name, Begun: true})
	if err != nil {
		return err
	}
	err = fill(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil && p.isFull(ctx) {
		return fault.New(fault.Exhausted, "the thin pool is full").Because(err)
	}
	return err
}

// isFull reports whether nothing more can be written. Of a device whose pool is full the page cache says EIO, not ENOSPC.
func (p *Pool) isFull(ctx context.Context) bool {
	all, err := p.hands.ThinPool(context.WithoutCancel(ctx), privilege.ThinPool{ThinPlace: p.place, Only: privilege.ThinNotes})
	return err == nil && max(all.DataPercent, all.MetaPercent) >= 99.9
}

// alone keeps two from making one volume.
func (p *Pool) alone(name string) (done func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.making[name] {
		return nil, fault.New(fault.Conflict, "%s is being made in pool %q", name, p.name)
	}
	p.making[name] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.making, name)
	}, nil
}

// Clone makes a thin snapshot that can be written to, and stands on its own.
func (p *Pool) Clone(ctx context.Context, from, to string) error {
	if err := errors.Join(checkName(from), checkName(to)); err != nil {
		return err
	}
	return p.failed(p.change(ctx, privilege.ThinChange{Do: privilege.ThinClone, Name: to, From: from}), "cannot make %s in pool %q", to)
}

// Open opens a volume's device anew.
func (p *Pool) Open(ctx context.Context, name string, readOnly bool) (*os.File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return p.open(ctx, privilege.ThinOpen{Name: name, ReadOnly: readOnly})
}

func (p *Pool) open(ctx context.Context, o privilege.ThinOpen) (*os.File, error) {
	o.ThinPlace = p.place
	f, err := p.hands.ThinOpen(ctx, o)
	return f, fault.Wrap(err, "cannot open %s in pool %q", o.Name, p.name)
}

// Grow makes a volume longer, also while somebody has it open.
func (p *Pool) Grow(ctx context.Context, name string, size model.Bytes) error {
	v, err := p.whole(ctx, name)
	if err != nil || v.Bytes >= int64(size) {
		return err
	}
	return p.failed(p.change(ctx, privilege.ThinChange{Do: privilege.ThinGrow, Name: name, Bytes: int64(p.can.Round(size))}), "cannot grow %s in pool %q", name)
}

// Remove takes a volume away; what it took is free at once.
func (p *Pool) Remove(ctx context.Context, name string) error {
	if err := backend.CheckName(name); err != nil || backend.FormatOf(name) != storage.Raw {
		return err
	}
	return fault.Wrap(p.change(ctx, privilege.ThinChange{Do: privilege.ThinRemove, Name: name}), "cannot remove %s from pool %q", name, p.name)
}

// volumes are those that are whole.
func (p *Pool) volumes(ctx context.Context, want func(privilege.ThinVolume) bool) ([]string, error) {
	all, err := p.hands.ThinPool(ctx, privilege.ThinPool{ThinPlace: p.place})
	if err != nil {
		return nil, fault.Wrap(err, "cannot read what is in pool %q", p.name)
	}
	var out []string
	for _, v := range all.Volumes {
		if v.State != privilege.ThinMaking && backend.CheckName(v.Name) == nil && want(v) {
			out = append(out, v.Name)
		}
	}
	return out, nil
}

// List are all of them.
func (p *Pool) List(ctx context.Context) ([]string, error) {
	return p.volumes(ctx, func(privilege.ThinVolume) bool { return true })
}

// Unsettled are those that have no object yet.
func (p *Pool) Unsettled(ctx context.Context) ([]string, error) {
	return p.volumes(ctx, func(v privilege.ThinVolume) bool { return v.State == privilege.ThinArriving })
}

// Settle says that an object names a volume; of one that is gone there is nothing to say.
func (p *Pool) Settle(ctx context.Context, name string) error {
	v, err := p.whole(ctx, name)
	if errors.Is(err, fault.NotFound) && fault.CodeOf(err) == "" || err == nil && v.State == "" {
		return nil
	}
	if err == nil {
		err = p.change(ctx, privilege.ThinChange{Do: privilege.ThinSet, Name: name})
	}
	return fault.Wrap(err, "cannot settle %s in pool %q", name, p.name)
}

// Usage is what a volume takes. LVM tells it in hundredths of a percent of the volume's size; of two that share, each is told whole.
func (p *Pool) Usage(ctx context.Context, name string) (storage.Usage, error) {
	v, err := p.whole(ctx, name)
	return storage.Usage{Virtual: model.Bytes(v.Bytes), Allocated: model.Bytes(v.Allocated)}, err
}

// PutNote writes the note of an object.
func (p *Pool) PutNote(_ context.Context, uid string, note []byte) error {
	if err := backend.CheckNote(uid, note); err != nil {
		return err
	}
	return p.failed(p.notes.put(uid, note), "cannot write the note of %s in pool %q", uid)
}

// DropNote takes the note of an object away.
func (p *Pool) DropNote(_ context.Context, uid string) error {
	if err := backend.CheckUID(uid); err != nil {
		return err
	}
	return p.failed(p.notes.put(uid, nil), "cannot remove the note of %s in pool %q", uid)
}

// Note is the note of an object.
func (p *Pool) Note(_ context.Context, uid string) ([]byte, error) {
	if err := backend.CheckUID(uid); err != nil {
		return nil, err
	}
	return p.notes.get(uid), nil
}

// Notes are those of all objects but the ones that are known.
func (p *Pool) Notes(_ context.Context, known map[string]bool) (map[string][]byte, error) {
	return p.notes.others(known), nil
}
