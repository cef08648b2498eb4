//go:build linux

// Package folder keeps files that have their names only when all of them is there and durable.
//
// What lives here: the folder, making a file in it, receiving a stream of known length. What does not:
// which names there may be and what stands in the files (storage/dir, storage/boot).
package folder

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Partial is in the names of files that are still being made, and in no others.
const Partial = ".part"

// Folder is one folder. Nothing outside of it is reached through it.
type Folder struct{ *os.Root }

// Open opens the folder at path, making it where it is missing, and takes away what an earlier daemon
// had begun to make. what names it in errors: "boot files".
func Open(path, what string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the folder of %s", what).Because(err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the folder of %s", what).Because(err)
	}
	f := &Folder{Root: root}
	if err := f.sweep(); err != nil {
		err = fault.New(fault.Unavailable, "cannot take away what was left half made in the folder of %s", what).Because(err)
		return nil, errors.Join(err, root.Close())
	}
	return f, nil
}

func (f *Folder) sweep() error {
	entries, err := fs.ReadDir(f.FS(), ".")
	for _, e := range entries {
		if strings.Contains(e.Name(), Partial) {
			err = errors.Join(err, f.Remove(e.Name()))
		}
	}
	return err
}

// arriving ends the names of marks: an empty file beside one that was received and may have no object yet.
const arriving = ".arriving"

// Arrive makes a file as Make does, and marks it before it has its name: until Settle, whoever comes after a
// crash finds it among Unsettled and decides.
func (f *Folder) Arrive(write func(*os.File) (name string, err error)) error {
	return f.Make(func(file *os.File) (string, error) {
		name, err := write(file)
		if err != nil {
			return name, err
		}
		mark, err := f.OpenFile(name+arriving, os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return name, err
		}
		return name, errors.Join(mark.Close(), f.Sync())
	})
}

// Settle takes the mark of a file away: it has its object, or is gone. No mark is no error.
func (f *Folder) Settle(name string) error {
	if err := f.Remove(name + arriving); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Unsettled are the names of the files that were marked and not settled.
func (f *Folder) Unsettled() ([]string, error) {
	entries, err := fs.ReadDir(f.FS(), ".")
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), arriving); ok {
			out = append(out, name)
		}
	}
	return out, err
}

// Make makes a file, 0600, and is done when it is durable. write fills it and says what it is to be
// called; a file of that name gives way. Where write fails nothing new is in the folder.
func (f *Folder) Make(write func(*os.File) (name string, err error)) error {
	tmp := Partial + rand.Text()
	file, err := f.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	name, err := write(file)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = f.Rename(tmp, name)
	}
	if err != nil {
		_ = f.Remove(tmp) // swept at the next start if not now
		return err
	}
	return f.Sync()
}

// Sync makes the names in the folder durable.
func (f *Folder) Sync() error {
	d, err := f.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Receive copies size bytes of r to w, no more and no less, and returns their SHA-256 in hex. It ends
// with ctx.
func Receive(ctx context.Context, w io.Writer, size model.Bytes, r io.Reader) (string, error) {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, hash), io.LimitReader(readerWith(ctx, r), int64(size)))
	if err != nil {
		return "", err
	}
	if n != int64(size) {
		return "", fault.New(fault.Invalid, "the file ended after %d of %d bytes", n, int64(size)).Try("import it again")
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// readerWith ends a copy when ctx does.
func readerWith(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, fault.New(fault.Unavailable, "the import was given up").Because(context.Cause(ctx))
		}
		return r.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
