//go:build linux

// Package dir keeps volumes as files in one folder: raw and qcow2, 0600, of the daemon's own user.
//
// What lives here: making, opening, copying, measuring and removing such files, and the notes beside them. What
// does not: who may (action), who uses them (claims in the store), and kernels (storage/boot).
package dir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Pool is one folder of volumes.
type Pool struct {
	name   string
	folder *folder.Folder
	can    storage.Capabilities
	held   *os.File // keeps other daemons out; nil where nothing does
}

var _ backend.Backend = (*Pool)(nil)

// Open opens the pool in the folder at path, making it where it is missing, and takes away what an
// earlier daemon had begun to make.
func Open(name, path string) (*Pool, error) {
	f, err := folder.Open(path, "pool \""+name+"\"")
	if err != nil {
		return nil, err
	}
	p := &Pool{name: name, folder: f, can: storage.Dir.Can()}
	p.can.Reflink = p.probeReflink()
	p.can.Exclusive = p.can.Reflink
	p.can.Direct, p.can.Discard = p.probeIO()
	return p, nil
}

// Close closes the folder; open volumes stay open.
func (p *Pool) Close() error {
	_ = p.held.Close() // also of none
	return p.folder.Close()
}

// Can is what the folder's file system lets the pool do.
func (p *Pool) Can() storage.Capabilities {
	c := p.can
	c.Formats = slices.Clone(c.Formats)
	return c
}

// Room is that of the file system below, without what it keeps for root.
func (p *Pool) Room(context.Context) (storage.Room, error) {
	d, err := p.folder.Open(".")
	if err != nil {
		return storage.Room{}, osfault.File(err, "cannot measure pool %q", p.name)
	}
	defer func() { _ = d.Close() }()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return storage.Room{}, osfault.File(err, "cannot measure pool %q", p.name)
	}
	unit := model.Bytes(st.Bsize)
	return storage.Room{Size: model.Bytes(st.Blocks-st.Bfree+st.Bavail) * unit, Free: model.Bytes(st.Bavail) * unit}, nil
}

// Exists reports whether a file is there.
func (p *Pool) Exists(_ context.Context, name string) (bool, error) {
	if err := backend.CheckName(name); err != nil {
		return false, err
	}
	_, err := p.folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, osfault.File(err, "cannot look for %s in pool %q", name, p.name)
}

// Make makes a file that reads as zeros, and has fill write to it.
func (p *Pool) Make(ctx context.Context, name string, size model.Bytes, fill backend.Fill) error {
	return p.make(ctx, name, size, fill, p.folder.Make)
}

// Arrive makes a file that no object names yet.
func (p *Pool) Arrive(ctx context.Context, name string, size model.Bytes, fill backend.Fill) error {
	return p.make(ctx, name, size, fill, p.folder.Arrive)
}

func (p *Pool) make(ctx context.Context, name string, size model.Bytes, fill backend.Fill, in func(func(*os.File) (string, error)) error) error {
	if there, err := p.Exists(ctx, name); there || err != nil {
		return err
	}
	err := in(func(f *os.File) (string, error) {
		if size > 0 {
			if err := f.Truncate(int64(size)); err != nil {
				return name, err
			}
		}
		if fill == nil {
			return name, nil
		}
		return name, fill(ctx, f)
	})
	return p.failed(err, "cannot make %s in pool %q", name)
}

// failed puts an error of the file system into words.
func (p *Pool) failed(err error, format, name string) error {
	return backend.Full(osfault.File(err, format, name, p.name), p.name)
}

// Clone makes a copy whose blocks are the original's until one of both is written to.
func (p *Pool) Clone(ctx context.Context, from, to string) error {
	if !p.can.Reflink {
		return backend.CannotClone(p.name)
	}
	src, err := p.Open(ctx, from, true)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	return p.Make(ctx, to, 0, func(_ context.Context, f *os.File) error {
		return unix.IoctlFileClone(int(f.Fd()), int(src.Fd()))
	})
}

// Open opens a file anew, as an open file description of its own.
func (p *Pool) Open(_ context.Context, name string, readOnly bool) (*os.File, error) {
	if err := backend.CheckName(name); err != nil {
		return nil, err
	}
	mode := os.O_RDWR
	if readOnly {
		mode = os.O_RDONLY
	}
	f, err := p.folder.OpenFile(name, mode|unix.O_NOFOLLOW, 0)
	return f, osfault.File(err, "cannot open %s in pool %q", name, p.name)
}

// Grow makes a file longer.
func (p *Pool) Grow(ctx context.Context, name string, size model.Bytes) error {
	f, err := p.Open(ctx, name, false)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < int64(size) {
		err = errors.Join(f.Truncate(int64(size)), f.Sync())
	}
	return p.failed(errors.Join(err, f.Close()), "cannot grow %s in pool %q", name)
}

// Remove removes a file and its mark; one that is gone is no error.
func (p *Pool) Remove(_ context.Context, name string) error {
	if err := backend.CheckName(name); err != nil {
		return err
	}
	if err := p.folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot remove %s from pool %q", name, p.name)
	}
	if err := p.folder.Settle(name); err != nil {
		return osfault.File(err, "cannot remove the mark of %s in pool %q", name, p.name)
	}
	return osfault.File(p.folder.Sync(), "cannot write the folder of pool %q", p.name)
}

// List are the names of all files that hold content.
func (p *Pool) List(context.Context) ([]string, error) {
	entries, err := fs.ReadDir(p.folder.FS(), ".")
	if err != nil {
		return nil, osfault.File(err, "cannot read the folder of pool %q", p.name)
	}
	var out []string
	for _, e := range entries {
		if backend.CheckName(e.Name()) == nil && e.Type().IsRegular() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Settle says that an object names a file that has arrived.
func (p *Pool) Settle(_ context.Context, name string) error {
	if err := backend.CheckName(name); err != nil {
		return err
	}
	return osfault.File(p.folder.Settle(name), "cannot settle %s in pool %q", name, p.name)
}

// Unsettled are the files that have arrived and of which nobody has said that an object names them.
func (p *Pool) Unsettled(context.Context) ([]string, error) {
	names, err := p.folder.Unsettled()
	if err != nil {
		return nil, osfault.File(err, "cannot read the folder of pool %q", p.name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return backend.CheckName(name) != nil }), nil
}

const note = ".json"

// PutNote writes the note of an object.
func (p *Pool) PutNote(_ context.Context, uid string, content []byte) error {
	if err := backend.CheckNote(uid, content); err != nil {
		return err
	}
	err := p.folder.Make(func(f *os.File) (string, error) {
		_, err := f.Write(content)
		return uid + note, err
	})
	return p.failed(err, "cannot write the note of %s in pool %q", uid)
}

// DropNote takes the note of an object away.
func (p *Pool) DropNote(_ context.Context, uid string) error {
	if err := backend.CheckUID(uid); err != nil {
		return err
	}
	if err := p.folder.Remove(uid + note); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot remove the note of %s in pool %q", uid, p.name)
	}
	return nil
}

// Note is the note of an object; nil where there is none.
func (p *Pool) Note(_ context.Context, uid string) ([]byte, error) {
	if err := backend.CheckUID(uid); err != nil {
		return nil, err
	}
	content, err := p.readNote(uid + note)
	if errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	return content, err
}

// Notes are the notes of all objects but those that are known. One that is longer than a note is left out: it is none of
// ours.
func (p *Pool) Notes(_ context.Context, known map[string]bool) (map[string][]byte, error) {
	entries, err := fs.ReadDir(p.folder.FS(), ".")
	if err != nil {
		return nil, osfault.File(err, "cannot read the folder of pool %q", p.name)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		uid, ok := cutNote(e.Name())
		if !ok || known[uid] || !e.Type().IsRegular() {
			continue
		}
		content, err := p.readNote(e.Name())
		if err != nil && !errors.Is(err, fault.NotFound) {
			return nil, err
		}
		if backend.CheckNote(uid, content) == nil {
			out[uid] = content
		}
	}
	return out, nil
}
