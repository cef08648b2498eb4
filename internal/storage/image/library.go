//go:build linux

// Package image keeps the library of images: one file for each, converted once, in a pool; nothing writes to it again.
//
// What lives here: staging what comes, checking, unpacking and converting it, opening and removing it. What does not:
// where files lie (a pool, behind Place), how it is fetched (package importer, behind Fetcher), what it is (sniff), and its name (the store's objects).
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Fetcher fetches from elsewhere. *importer.Importer is one.
type Fetcher interface {
	// Fetch downloads into a file, and goes on where an earlier one stopped.
	Fetch(ctx context.Context, d storage.Download, into, note *os.File, tell func(done, total model.Bytes)) error
	// Sum returns the SHA-256 or SHA-512 that a file of sums has for a file, and by whom that is signed.
	Sum(ctx context.Context, sums storage.Download, file string) (sum, signed string, err error)
	// Offers returns what a source lists, asked anew, and by whom that list is signed.
	Offers(ctx context.Context, s storage.IndexSpec, fresh bool) ([]storage.Offer, string, error)
}

// Place is the pool in which images lie, beside volumes: a layer of a volume may be an image.
type Place interface {
	Exists(ctx context.Context, name string) (bool, error)
	Make(ctx context.Context, name string, size model.Bytes, fill backend.Fill) error
	Open(ctx context.Context, name string, readOnly bool) (*os.File, error)
	Remove(ctx context.Context, name string) error
	Room(ctx context.Context) (storage.Room, error)
}

// Tell hears what is being done, and how far it is; total 0 is unknown.
type Tell = func(step string, done, total model.Bytes)

// Library is one pool of images, and a folder of what stands beside them and of what comes.
type Library struct {
	folder   *folder.Folder
	incoming *os.Root
	place    Place
	fetch    Fetcher

	mu   sync.Mutex
	busy map[string]chan struct{} // by the names of what comes; of one place, which who works on it holds
}

// How long what was begun to be fetched is kept for somebody who tries again.
const keepPartial = 7 * 24 * time.Hour

// Open opens the library at path, making it where it is missing.
func Open(path string, place Place, fetch Fetcher) (*Library, error) {
	f, err := folder.Open(path, "images")
	if err != nil {
		return nil, err
	}
	l := &Library{folder: f, place: place, fetch: fetch, busy: map[string]chan struct{}{}}
	err = os.MkdirAll(filepath.Join(path, "incoming"), 0o700)
	if err == nil {
		l.incoming, err = os.OpenRoot(filepath.Join(path, "incoming"))
	}
	if err == nil {
		err = l.forget(time.Now().Add(-keepPartial))
	}
	if err != nil {
		return nil, errors.Join(osfault.File(err, "cannot open the folder of images"), l.Close())
	}
	return l, nil
}

// forget takes away what has begun to come before that, and what can be made again.
func (l *Library) forget(before time.Time) error {
	entries, err := fs.ReadDir(l.incoming.FS(), ".")
	for _, e := range entries {
		info, gone := e.Info()
		if gone == nil && (info.ModTime().Before(before) || strings.HasSuffix(e.Name(), unpacked)) {
			err = errors.Join(err, l.incoming.Remove(e.Name()))
		}
	}
	return err
}

// Close closes the folder; open images stay open.
func (l *Library) Close() error {
	err := l.folder.Close()
	if l.incoming != nil {
		err = errors.Join(err, l.incoming.Close())
	}
	return err
}

const uidPattern = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

var uidName = regexp.MustCompile(`^` + uidPattern + `$`)

// What stands in the folder of what comes, by the ends of the names.
const (
	upload   = ".upload"
	download = ".download"
	note     = ".note"
	unpacked = ".unpacked"
)

// Receive stores size bytes of r, durably, as what the image with this UID will be made of.
func (l *Library) Receive(ctx context.Context, uid string, size model.Bytes, r io.Reader) (err error) {
	if !uidName.MatchString(uid) {
		return fault.New(fault.Internal, "%.80q is no UID", uid)
	}
	f, err := l.incoming.OpenFile(uid+upload, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = folder.Receive(ctx, f, size, r)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		_ = l.incoming.Remove(uid + upload) // forgotten later, if not now
	}
	return osfault.File(err, "cannot store the image")
}

// Received are the UIDs for which something was received that no image was made of yet.
func (l *Library) Received(context.Context) ([]string, error) {
	entries, err := fs.ReadDir(l.incoming.FS(), ".")
	var out []string
	for _, e := range entries {
		if uid, ok := strings.CutSuffix(e.Name(), upload); ok && uidName.MatchString(uid) {
			out = append(out, uid)
		}
	}
	return out, osfault.File(err, "cannot read what has come for images")
}

// Adopt takes up an image whose content is there: where nothing is kept of it, st is.
func (l *Library) Adopt(ctx context.Context, uid string, st storage.ImageStatus) error {
	if _, made, err := l.Made(ctx, uid); made || err != nil {
		return err
	}
	there, err := l.place.Exists(ctx, storage.ImageFile(uid, st.Format))
	if err == nil && !there {
		err = fault.New(fault.NotFound, "%s is gone", storage.ImageFile(uid, st.Format))
	}
	if err != nil {
		return err
	}
	b := &build{Library: l, image: storage.Image{Metadata: model.Metadata{UID: uid}}, st: st}
	return b.write()
}

// Made returns what became of an image, and whether it is made.
func (l *Library) Made(ctx context.Context, uid string) (st storage.ImageStatus, made bool, err error) {
	if !uidName.MatchString(uid) {
		return st, false, fault.New(fault.Internal, "%.80q is no UID", uid)
	}
	text, err := l.folder.ReadFile(uid + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return st, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &st)
	}
	if err != nil {
		return st, false, osfault.File(err, "cannot read what is kept of an image")
	}
	made, err = l.place.Exists(ctx, storage.ImageFile(uid, st.Format))
	return st, made, err
}

// arriving is the name under which what an image is made of comes. Another image of the same URL goes on with it, unless
// it may come from elsewhere or in another way: what root fetched of this host's own is nobody else's, and what came
// unencrypted is not taken for what came encrypted.
func arriving(i storage.Image) string {
	s := i.Spec.Source
	from := s.URL
	switch {
	case s.Index != nil: // what it lists may be another file the next time, whose note says so
		from = s.Index.URL + " " + s.Listed
	case from == "":
		return i.UID + upload
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "local=%t insecure=%t %s", s.Local, s.Insecure, from))
	return hex.EncodeToString(sum[:]) + download
}

// Hold waits until nobody else makes an image of what comes under the same name, and returns what lets the next one.
func (l *Library) Hold(ctx context.Context, i storage.Image) (func(), error) {
	name := arriving(i)
	l.mu.Lock()
	c := l.busy[name]
	if c == nil {
		c = make(chan struct{}, 1)
		l.busy[name] = c
	}
	l.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Make makes an image of what its source names, for who holds it. One that is made is left as it is; what was cut off
// goes on where that can be.
func (l *Library) Make(ctx context.Context, i storage.Image, tell Tell) (storage.ImageStatus, error) {
	if st, made, err := l.Made(ctx, i.UID); made || err != nil {
		return st, err
	}
	name := arriving(i)
	b := &build{Library: l, image: i, from: i.Spec.Source, tell: sparing(tell)}
	st, err := b.run(ctx, name)
	if err != nil {
		return st, err
	}
	return st, osfault.File(l.drop(name), "cannot take away what an image was made of")
}

// drop takes away what came under a name.
func (l *Library) drop(name string) error {
	var err error
	for _, n := range []string{name, name + note} {
		if gone := l.incoming.Remove(n); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// Open opens an image's file for reading, anew.
func (l *Library) Open(ctx context.Context, file string) (*os.File, error) {
	return l.place.Open(ctx, file, true)
}

// Remove removes all that there is of an image; what is gone is no error.
func (l *Library) Remove(ctx context.Context, uid string) error {
	if !uidName.MatchString(uid) {
		return fault.New(fault.Internal, "%.80q is no UID", uid)
	}
	if err := l.folder.Remove(uid + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot remove an image")
	}
	var err error
	for _, f := range []storage.Format{storage.QCOW2, storage.Raw} {
		err = errors.Join(err, l.place.Remove(ctx, storage.ImageFile(uid, f)))
	}
	return osfault.File(errors.Join(err, l.drop(uid+upload), l.folder.Sync()), "cannot remove an image")
}

// copySparse copies what a file has, and leaves holes where it has them.
func copySparse(ctx context.Context, from, into *os.File) error {
	if unix.IoctlFileClone(int(into.Fd()), int(from.Fd())) == nil {
		return nil
	}
	size, err := from.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := into.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; {
		if ctx.Err() != nil {
			return fault.New(fault.Unavailable, "the copy was stopped").Because(context.Cause(ctx))
		}
		start, err := unix.Seek(int(from.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // holes up to the end
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(int(from.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		end = min(end, start+64<<20) // then it looks whether it is to stop
		if _, err := into.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := from.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(into, from, end-start); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// sparing tells a step's beginning, and then not more often than anybody looks.
func sparing(tell Tell) Tell {
	var last time.Time
	var step string
	return func(now string, done, total model.Bytes) {
		if now == step && done != total && time.Since(last) < 300*time.Millisecond {
			return
		}
		step, last = now, time.Now()
		tell(now, done, total)
	}
}
