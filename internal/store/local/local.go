// Package local keeps the store of one host in a SQLite file (https://sqlite.org/wal.html).
//
// What lives here: the file with its lock, its schema and its history; the one writer, which lets
// commits that wait together share one transaction and one fsync; readers on connections of their
// own; watches, fed from memory and, when they lag, from the file; leases. What does not: the
// meaning of any key, which snapshots are kept (store/snapshot), asking before one is put back (cli).
//
// Every version of a value is a row that knows the revision that made it and the one that
// superseded it, so a list can be true at an older revision and a watch can begin there, after a
// restart as well, until the history is compacted.
package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// Options are the bounds of a store. The zero value is what a host wants.
type Options struct {
	History      int64 // revisions that are kept to go back to; 10,000 if 0
	HistoryBytes int64 // bytes of overwritten and deleted values that are kept at most; 64 MiB if 0
	MaxBytes     int64 // size of the file at most; 2 GiB if 0
	// Snapshots is the folder in which snapshots of the store are kept; empty for none.
	Snapshots string
}

func (o Options) withDefaults() Options {
	if o.History <= 0 {
		o.History = 10_000
	}
	if o.HistoryBytes <= 0 {
		o.HistoryBytes = 64 << 20
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 2 << 30
	}
	return o
}

const fileName = "store.db"

// Store is an open store. Its goroutines (the writer, the checkpointer, one per watch) end with
// Close.
type Store struct {
	path string
	opt  Options
	lock *dirLock

	migrations []migration // those of the package, but in tests of them
	restored   int64       // when a snapshot was put back that nobody has taken note of, in seconds; 0 for never

	keeping atomic.Pointer[Kept]

	readers *sql.DB
	read    readStmts
	writer  *writer

	hub    *hub
	leases leases

	queue   chan *request // to the writer; unbuffered, so that what is in it was not begun
	closing chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex // guards closed, and running against a Wait
	closed  bool
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Compactor = (*Store)(nil)
)

// Open opens the store in the folder dir and makes it, folder and all, if there is none. It is
// refused with fault.Conflict while another process has it open, with fault.Precondition when it
// was written by a newer version, with fault.Unreadable when it is damaged.
func Open(dir string, opt Options) (*Store, error) { return openWith(dir, opt, migrations) }

func openWith(dir string, opt Options, steps []migration) (_ *Store, err error) {
	if err := ownFolder(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: filepath.Join(dir, fileName), opt: opt.withDefaults(), lock: lock,
		queue: make(chan *request), closing: make(chan struct{}), migrations: steps,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := s.ensureFile(); err != nil {
		return nil, err
	}
	found, err := inspect(context.Background(), s.path, s.known())
	if err != nil {
		return nil, err
	}
	if err := s.migrate(context.Background(), found.schema); err != nil {
		return nil, err
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	s.running.Go(s.writer.run)
	s.running.Go(s.writer.wal.run)
	return s, nil
}

// ownFolder makes the folder, for us alone.
func ownFolder(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.Chmod(dir, 0o700) // #nosec G302 -- a folder needs its x
	}
	if err == nil { // what is in a folder whose name is lost is lost
		if err = syncDir(filepath.Dir(dir)); errors.Is(err, fs.ErrPermission) {
			err = nil // it was made by somebody else
		}
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot make the folder of the store").Because(err)
	}
	return nil
}

// connect opens the connections, checks the file and reads the state that is kept in memory.
func (s *Store) connect() error {
	w, err := openWriter(s)
	if err != nil {
		return err
	}
	s.writer = w
	s.readers = openDB(s.path, "query_only(1)", "cache_size(-1024)")
	s.readers.SetMaxOpenConns(4)
	s.readers.SetMaxIdleConns(2)
	return s.fail(s.read.prepare(s.readers))
}

// openDB returns a pool of connections to the file with the given PRAGMAs besides those that every
// connection needs. Nothing is opened yet.
func openDB(path string, pragmas ...string) *sql.DB {
	q := url.Values{"mode": {"rw"}, "_pragma": append([]string{"busy_timeout(5000)", "trusted_schema(0)"}, pragmas...)}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil { // the driver is linked in; only a name it does not know fails here
		panic(fmt.Sprintf("sqlite: %v", err))
	}
	return db
}

// Close ends the watches, finishes what was begun and closes the file. Calls that come later are
// refused with fault.Unavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	close(s.closing)
	s.running.Wait()
	return s.release()
}

// begin starts a goroutine that Close waits for; false once Close was called.
func (s *Store) begin(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Go(f)
	}
	return !s.closed
}

// release gives back whatever was taken, the lock last.
func (s *Store) release() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	if s.readers != nil {
		keep(s.fail(s.readers.Close()))
	}
	if s.writer != nil {
		keep(s.fail(s.writer.close()))
	}
	keep(s.lock.release())
	return first
}

// errClosed answers every call after Close.
func errClosed() error { return fault.New(fault.Unavailable, "the store is closed") }

// given returns the error of a call whose ctx ended before anything was done.
func given(ctx context.Context) error {
	return fault.New(fault.Unavailable, "the store was not asked").Because(context.Cause(ctx))
}

// now is the clock of leases: it only grows (time.Now carries the monotonic clock).
func now() time.Time { return time.Now() }
