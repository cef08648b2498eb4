package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// A group ends when it holds this much, so that nobody waits long for others.
const (
	groupRequests = 128
	groupBytes    = 4 << 20
)

// request is something for the writer to do inside a transaction.
type request struct {
	// apply does it. What it refuses it refuses before it changes anything; an error of the file
	// is a sqlFailure and undoes the whole group.
	apply func(*tx) error
	// after runs once it is durable; may be nil.
	after func()
	size  int
	frees bool // it only deletes: there is a reserve for it

	done chan struct{} // closed when rev and err stand
	rev  int64
	err  error
}

func newRequest(size int, apply func(*tx) error) *request {
	return &request{apply: apply, size: size, done: make(chan struct{})}
}

// do hands a request to the writer and waits for what becomes of it. Once the writer has it the
// answer is awaited whatever ctx says: it is a matter of milliseconds, and then it is certain.
func (s *Store) do(ctx context.Context, r *request) (int64, error) {
	if ctx.Err() != nil {
		return 0, given(ctx)
	}
	select {
	case s.queue <- r:
		<-r.done
		return r.rev, r.err
	case <-ctx.Done():
		return 0, given(ctx)
	case <-s.closing:
		return 0, errClosed()
	}
}

// writer is the one goroutine that changes the file.
type writer struct {
	s    *Store
	db   *sql.DB
	conn *sql.Conn
	stmt writeStmts
	wal  *checkpointer

	rev    int64 // the newest durable revision
	dead   int64 // bytes of superseded values in the file, about
	broken error // after the file failed in a way that leaves its state unknown
	swept  int64 // nothing superseded up to here is left in the file

	kept atomic.Int64 // dead, for whoever asks beside the writer
}

func openWriter(s *Store) (*writer, error) {
	ctx := context.Background()
	w := &writer{s: s, db: openDB(s.path, "synchronous(FULL)", "wal_autocheckpoint(0)", "cache_size(-2048)",
		fmt.Sprintf("max_page_count(%d)", pageLimit(s.opt)))}
	s.writer = w // to be closed by release whatever happens below
	var err error
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return nil, s.fail(err)
	}
	if err := w.load(ctx); err != nil {
		return nil, s.fail(err)
	}
	w.wal = newCheckpointer(w)
	return w, s.fail(w.stmt.prepare(ctx, w.conn))
}

// load reads what the writer, the watches and the leases keep in memory.
func (w *writer) load(ctx context.Context) error {
	var floor, newest sql.NullInt64
	err := w.conn.QueryRowContext(ctx, `SELECT (SELECT value FROM meta WHERE name = 'compacted'), (SELECT max(id) FROM history),
		(SELECT coalesce(sum(length(value)), 0) FROM history WHERE superseded < 9223372036854775807),
		(SELECT coalesce(max(value), 0) FROM meta WHERE name = 'restored')`).Scan(&floor, &newest, &w.dead, &w.s.restored)
	if err != nil {
		return err
	}
	w.kept.Store(w.dead)
	w.swept = floor.Int64 // a sweep that a crash cut short goes on with the next one
	w.rev = max(newest.Int64>>revBits, floor.Int64)
	w.s.hub = newHub(w.rev, floor.Int64)
	return w.s.leases.load(ctx, w.conn)
}

func (w *writer) close() error {
	w.stmt.close()
	var err error
	if w.conn != nil {
		err = w.conn.Close()
	}
	return errors.Join(err, w.db.Close())
}

// run serves requests until the store is closed.
func (w *writer) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(w.s.leases.untilNext(now()))
		select {
		case r := <-w.s.queue:
			w.commit(w.gather(r))
			w.compactIfDue()
		case f := <-w.wal.between:
			f()
		case <-timer.C:
			w.expire()
		case <-w.s.closing:
			return
		}
	}
}

// gather returns r and whoever waits behind it.
func (w *writer) gather(r *request) []*request {
	group, size := []*request{r}, r.size
	for len(group) < groupRequests && size < groupBytes {
		select {
		case r := <-w.s.queue:
			group, size = append(group, r), size+r.size
		default:
			return group
		}
	}
	return group
}

// commit does a group in one transaction and answers each request.
func (w *writer) commit(group []*request) {
	if err := w.attempt(group); err != nil {
		w.separately(group, err)
	}
	for _, r := range group {
		close(r.done)
	}
}

// attempt does a group in one transaction. On error nothing of it was done.
func (w *writer) attempt(group []*request) error {
	if w.broken != nil {
		return w.broken
	}
	batches, dead, size, err := w.transact(group)
	if err != nil {
		return err
	}
	w.dead += dead
	w.kept.Store(w.dead)
	if len(batches) > 0 {
		w.rev = batches[len(batches)-1].Revision
		w.s.hub.publish(batches)
	}
	for _, r := range group {
		if r.err == nil && r.after != nil {
			r.after()
		}
	}
	w.wal.wrote(size)
	return nil
}

func (w *writer) transact(group []*request) (batches []store.Batch, dead, size int64, err error) {
	if err := w.stmt.exec(w.stmt.begin); err != nil {
		return nil, 0, 0, w.judge(err, false)
	}
	defer func() {
		if err != nil {
			_ = w.stmt.exec(w.stmt.rollback) // SQLite may have rolled back by itself
		}
	}()
	rev := w.rev
	for _, r := range group {
		t := &tx{stmt: &w.stmt, rev: rev + 1}
		r.err = r.apply(t)
		if failure, ok := errors.AsType[*sqlFailure](r.err); ok {
			return nil, 0, 0, w.judge(failure.err, false)
		}
		if len(t.events) > 0 {
			rev = t.rev
			batches = append(batches, store.Batch{Revision: rev, Events: t.events})
		}
		r.rev, dead, size = rev, dead+t.dead, size+int64(r.size)
	}
	return batches, dead, size, w.judge(w.stmt.exec(w.stmt.commit), true)
}

// judge decides what a failure means for the transactions to come. Before the end of its
// transaction, or when the disk is full, it is a passing thing: SQLite has undone the transaction.
// But after a failed end, of its fsync above all, nobody knows what is on the disk
// (https://wiki.postgresql.org/wiki/Fsync_Errors): nothing more is written until the file is
// opened, and thereby recovered, again. The same goes for a damaged file.
func (w *writer) judge(err error, atCommit bool) error {
	if err == nil {
		return nil
	}
	told := w.s.fail(err)
	if isDamage(err) || atCommit && !isFull(err) {
		w.broken = fault.Wrap(told, "the store takes no changes until it is opened again")
	}
	return told
}

// sqlFailure is an error of the file, as opposed to a refusal.
type sqlFailure struct{ err error }

func (e *sqlFailure) Error() string { return e.err.Error() }
func (e *sqlFailure) Unwrap() error { return e.err }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &sqlFailure{err}
}
