// Package backend is what every kind of pool does, in few words: it keeps files or devices, each under a name
// that is its ID and its format, and a note beside each object that it keeps content of.
//
// What lives here: the interface, the names, the shape of an error that all of them share. What does not: any
// backend (internal/storage/dir, internal/storage/lvm), which pools there are (internal/storage/pools), and what
// a name stands for (a volume, a layer of one, an image: action and reconcile know). Every backend passes the
// conformance suite in internal/storage/storagetest.
package backend

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Backend is one pool that is open. All its calls may be made again, and by many at once; one that was cut off
// by a crash between any two steps has left the old or the new, and what it had begun is swept when the pool is
// opened next. Names are those that CheckName lets through; everything that is made is 0600, or a device that
// only hvd is handed.
type Backend interface {
	Files
	Notes
	// Can is what the pool can do, as probed when it was opened.
	Can() storage.Capabilities
	// Room is how much there is below the pool. Others may use the same.
	Room(ctx context.Context) (storage.Room, error)
	// Close lets go of the pool; what was opened stays open.
	Close() error
}

// Files is what keeps content.
type Files interface {
	// Make makes a file or device of size bytes that reads as zeros, has fill write to it where fill is not nil,
	// and gives it its name when that is durable. One that is there already is left as it is. Where it fails,
	// nothing is left: fault.Exhausted says that there is no room. fill may make a file longer.
	Make(ctx context.Context, name string, size model.Bytes, fill Fill) error
	// Clone makes a full copy that shares its blocks with the original, where the pool Can (Reflink); else
	// fault.Precondition. A copy that is there already is left as it is.
	Clone(ctx context.Context, from, to string) error
	// Open opens one anew, as an open file description of its own: QEMU's image locks belong to one, and
	// one that two QEMUs share locks nothing.
	Open(ctx context.Context, name string, readOnly bool) (*os.File, error)
	Exists(ctx context.Context, name string) (bool, error)
	// Grow makes one longer; one that is as long already is no error, and none gets shorter. What is in it is
	// its user's: a qcow2 image has to be told by QEMU or qemu-img.
	Grow(ctx context.Context, name string, size model.Bytes) error
	// Remove takes one away, with its mark; one that is gone is no error.
	Remove(ctx context.Context, name string) error
	// List are the names of all that is kept, in order.
	List(ctx context.Context) ([]string, error)
	Usage(ctx context.Context, name string) (storage.Usage, error)

	// Arrive is Make of what no object names yet, marked before it has its name: after a crash it is found
	// among Unsettled, and whoever knows the objects settles or removes it.
	Arrive(ctx context.Context, name string, size model.Bytes, fill Fill) error
	Settle(ctx context.Context, name string) error
	Unsettled(ctx context.Context) ([]string, error)
}

// Fill writes the content of what is made. The file is open for reading and writing, and is the caller's: fill
// does not close it.
type Fill func(ctx context.Context, f *os.File) error

// Notes stand beside the content, so that a lost store can be rebuilt. A note is a few KiB of JSON.
type Notes interface {
	// PutNote writes the note of an object in place of the one before, durably: a crash leaves one of both.
	PutNote(ctx context.Context, uid string, note []byte) error
	// DropNote takes it away; none is no error.
	DropNote(ctx context.Context, uid string) error
	// Note is the note of an object; nil where there is none.
	Note(ctx context.Context, uid string) ([]byte, error)
	// Notes are the notes, by UID, of all objects but those that are known; nil knows none. Those are not read.
	Notes(ctx context.Context, known map[string]bool) (map[string][]byte, error)
}

// MaxNote bounds a note.
const MaxNote = 256 * model.KiB

const uuid = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

var (
	uidPattern  = regexp.MustCompile(`^` + uuid + `$`)
	namePattern = regexp.MustCompile(`^` + uuid + `\.(raw|qcow2)$`)
)

// CheckName refuses every name that is not an ID and a format: none reaches out of a pool.
func CheckName(name string) error {
	if namePattern.MatchString(name) {
		return nil
	}
	return fault.New(fault.Internal, "%.80q is no name of a file in a pool", name)
}

// CheckUID refuses what is not the UID of an object.
func CheckUID(uid string) error {
	if uidPattern.MatchString(uid) {
		return nil
	}
	return fault.New(fault.Internal, "%.80q is no UID", uid)
}

// CheckNote refuses a note that no pool would keep.
func CheckNote(uid string, note []byte) error {
	if err := CheckUID(uid); err != nil {
		return err
	}
	if len(note) == 0 || model.Bytes(len(note)) > MaxNote {
		return fault.New(fault.Internal, "the note of %s has %d bytes, and not between 1 and %d", uid, len(note), int64(MaxNote))
	}
	return nil
}

// FormatOf is the format that a name ends with.
func FormatOf(name string) storage.Format {
	_, f, _ := strings.Cut(name, ".")
	return storage.Format(f)
}

// Full says of a failure that the pool has no room, where that was it.
func Full(err error, pool string) error {
	if err == nil || fault.KindOf(err) != fault.Exhausted || fault.CodeOf(err) != "" {
		return err
	}
	return fault.New(fault.Exhausted, "there is no room in pool %q", pool).Because(err).
		WithCode("HV-POOL-003").Try("hv pool show %s says who uses what", pool)
}

// CannotClone is what Clone answers where copies do not share blocks.
func CannotClone(pool string) error {
	return fault.New(fault.Precondition, "pool %q cannot make copies that share blocks", pool).WithCode("HV-POOL-006").
		Try("make a copy of the whole content")
}

// Gone reports whether err says that there is no such file.
func Gone(err error) bool { return errors.Is(err, fault.NotFound) || errors.Is(err, os.ErrNotExist) }
