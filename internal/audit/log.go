// Package audit is the log of every mutation: who wanted what, and what came of it. It is a Merkle
// tree (golang.org/x/mod/sumdb/tlog, RFC 9162) over lines of JSON in append-only segment files, with
// signed heads, so that package verify finds any record that was edited, dropped, moved or cut off.
//
// What lives here: appending, reading, recovery after a crash, the signing key. What does not: what
// deserves a record (action), the written form (audit/record), the judgement over a whole log
// (audit/verify).
//
// # Promises
//
//   - When Append returns a receipt the record is durable (fsync), and so is a signed head that
//     covers it: both are in the one write that was synced. Records that wait together share it.
//   - After a crash the log ends at a signed head. What stands behind the last one was never
//     acknowledged and is cut off when the log is opened, which a record of its own tells.
//   - Any other damage is refused with fault.Unreadable: nothing is appended to a log that does not
//     fit its signatures.
//   - The files "head" (the newest signed head again) and "hashes" are written after that sync and
//     not synced themselves: after a power cut they may be behind, never ahead. Hashes are
//     recomputed then; the head only says how long the log must at least be.
//   - Whoever can write the files and read the key can forge it all, and who can write the files can
//     put back an older copy of all of them. What protects from both is a head that is kept
//     elsewhere: Head returns it, verify takes it.
package audit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The words of the written form that callers need.
type (
	// Record is one entry; Append fills in its Seq.
	Record = record.Record
	// Actor is who did it.
	Actor = record.Actor
	// Phase says which side of an action a record stands on.
	Phase = record.Phase
)

// The phases.
const (
	Intent  = record.Intent
	Outcome = record.Outcome
	Note    = record.Note
)

// The codes of a log that cannot be used. They are stable.
const (
	CodeDamaged = "HV-AUDIT-001" // it is not what was written
	CodeFull    = "HV-AUDIT-002" // no room for it
	CodeInUse   = "HV-AUDIT-004" // another process has it open
)

// Options of a log. The zero value is what a host wants.
type Options struct {
	Origin       string           // names the signing key when it is made; "hyper-nixos-audit" if empty; no space, no plus, at most 64 bytes
	SegmentBytes int64            // a segment is sealed (mode 0400) when it has grown to this; 4 MiB if 0
	Now          func() time.Time // for the records that the log itself writes; time.Now if nil
}

func (o Options) withDefaults() Options {
	if o.Origin == "" {
		o.Origin = "hyper-nixos-audit"
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 4 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Log is an open audit log. Its one goroutine, the writer, ends with Close.
type Log struct {
	dir  string
	opt  Options
	lock *os.File
	key  note.Signer
	pub  note.Verifier
	vkey string

	queue   chan *entry
	closing chan struct{}
	writer  sync.WaitGroup

	mu       sync.Mutex // guards what follows
	closed   bool
	size     int64   // records that were acknowledged
	segments []int64 // the first record of each segment
	signed   []byte  // the newest signed head

	// The rest belongs to the writer, and before it starts to Open.
	tree   *tree
	active *os.File // the last segment; nil if the next record begins a new one
	length int64    // bytes of the active segment
	head   *os.File
	broken error
}

// Receipt says where a record stands.
type Receipt struct {
	Seq int64
}

// Open opens the log in the folder dir and makes it, folder and key included, if there is none. It
// is refused with fault.Conflict while another process has it open, with fault.Unreadable when it
// is damaged.
func Open(dir string, opt Options) (_ *Log, err error) {
	l := &Log{dir: dir, opt: opt.withDefaults(), queue: make(chan *entry), closing: make(chan struct{})}
	defer func() {
		if err != nil {
			_ = l.release()
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, l.fail(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { // #nosec G302 -- a folder needs its x
		return nil, l.fail(err)
	}
	// What is in a folder whose name is lost is lost.
	if err := syncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, l.fail(err)
	}
	if l.lock, err = lockFile(filepath.Join(dir, record.LockFile)); err != nil {
		return nil, err
	}
	if err := l.openKey(); err != nil {
		return nil, err
	}
	cut, err := l.recover()
	if err != nil {
		return nil, err
	}
	if cut != nil {
		if err := l.noteRepair(*cut); err != nil {
			return nil, err
		}
	}
	l.writer.Go(l.run)
	return l, nil
}

// Append writes a record and returns when it is durable. Its Seq is given here. It is refused with
// fault.Invalid for a record out of bounds, fault.Exhausted when there is no room (nothing of it is
// written), fault.Unavailable when ctx ended before it was begun, the log is closed or its disk
// failed.
func (l *Log) Append(ctx context.Context, r Record) (Receipt, error) {
	if err := r.Check(); err != nil {
		return Receipt{}, err
	}
	if r.Intent > l.Size() {
		return Receipt{}, fault.New(fault.Invalid, "the audit record of %s is the outcome of record %d, which does not exist", r.Action, r.Intent)
	}
	if ctx.Err() != nil {
		return Receipt{}, given(ctx)
	}
	e := &entry{record: r.Clean(), done: make(chan struct{})}
	select {
	case l.queue <- e:
		<-e.done // begun: milliseconds, and then it is certain
		return Receipt{Seq: e.record.Seq}, e.err
	case <-ctx.Done():
		return Receipt{}, given(ctx)
	case <-l.closing:
		return Receipt{}, errClosed()
	}
}

// Size returns how many records there are, which is the Seq of the newest.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// Head returns the newest signed head, a note to keep elsewhere and to verify against.
func (l *Log) Head() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.signed
}

// Key returns the public key that the heads are signed for, as verify takes it.
func (l *Log) Key() string { return l.vkey }

// Close finishes what was begun and closes the files.
func (l *Log) Close() error {
	l.mu.Lock()
	was := l.closed
	l.closed = true
	l.mu.Unlock()
	if was {
		return nil
	}
	close(l.closing)
	l.writer.Wait()
	return l.release()
}

// release gives back whatever was taken, the lock last.
func (l *Log) release() error {
	var first error
	keep := func(err error) {
		if err != nil && first == nil {
			first = l.fail(err)
		}
	}
	if l.tree != nil {
		keep(l.tree.close())
	}
	for _, f := range []*os.File{l.active, l.head} {
		if f != nil {
			keep(f.Sync())
			keep(f.Close())
		}
	}
	if l.lock != nil {
		keep(l.lock.Close())
	}
	return first
}

func errClosed() error { return fault.New(fault.Unavailable, "the audit log is closed") }

func given(ctx context.Context) error {
	return fault.New(fault.Unavailable, "the audit log was not asked").Because(context.Cause(ctx))
}
