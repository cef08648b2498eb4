package local

import (
	"context"
	"database/sql"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// How much of the history is read, or deleted, at a time.
const (
	historyRevisions = 512
	historyBytes     = 4 << 20
	compactRows      = 512
)

// eventsFrom reads from the file what happened under prefix from revision next on, up to and
// including the revision it returns: whole revisions only, and not too many.
func (s *Store) eventsFrom(ctx context.Context, prefix string, next int64) ([]store.Batch, int64, error) {
	newest, _ := s.hub.revision()
	last := min(newest, next+historyRevisions-1)
	batches, complete, err := s.readEvents(ctx, prefix, next, last)
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		return nil, 0, s.readFailure(err)
	}
	if newest, floor := s.hub.revision(); next <= floor {
		return nil, 0, store.Gone(next, floor, newest)
	}
	if !complete {
		last = batches[len(batches)-1].Revision
	}
	return batches, last, nil
}

// readEvents reads revisions first to last; complete is false if it stopped early, after a whole
// revision.
func (s *Store) readEvents(ctx context.Context, prefix string, first, last int64) (batches []store.Batch, complete bool, err error) {
	rows, err := s.read.events.QueryContext(ctx, firstID(first), firstID(last+1), prefix, after(prefix))
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	bytes := 0
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, false, err
		}
		if n := len(batches); n > 0 && batches[n-1].Revision == e.KV.ModRevision {
			batches[n-1].Events = append(batches[n-1].Events, e)
		} else if bytes > historyBytes {
			return batches, false, nil
		} else {
			batches = append(batches, store.Batch{Revision: e.KV.ModRevision, Events: []store.Event{e}})
		}
		bytes += len(e.KV.Value)
	}
	return batches, true, rows.Err()
}

// scanEvent reads a row and, beside it, the one it superseded.
func scanEvent(rows *sql.Rows) (store.Event, error) {
	var (
		r                            row
		id, created, version, leased sql.NullInt64
		value                        []byte
	)
	err := rows.Scan(&r.id, &r.kv.Key, &r.kv.CreateRevision, &r.kv.Version, &r.kv.Lease, &r.kv.Value,
		&id, &created, &version, &leased, &value)
	if err != nil {
		return store.Event{}, err
	}
	r.kv.ModRevision = r.id >> revBits
	e := store.Event{Type: store.Put, KV: r.kv}
	if r.kv.Version == 0 {
		e = store.Event{Type: store.Delete, KV: store.KV{Key: r.kv.Key, ModRevision: r.kv.ModRevision}}
	} else if e.KV.Value == nil {
		e.KV.Value = []byte{}
	}
	if id.Valid {
		if value == nil {
			value = []byte{}
		}
		e.Prev = &store.KV{Key: r.kv.Key, Value: value, CreateRevision: created.Int64, ModRevision: id.Int64 >> revBits,
			Version: version.Int64, Lease: leased.Int64}
	}
	return e, nil
}

// Compact implements store.Compactor.
func (s *Store) Compact(ctx context.Context, revision int64) error {
	newest, floor := s.hub.revision()
	if revision > newest {
		return fault.New(fault.Invalid, "cannot compact up to revision %d: the newest is %d", revision, newest)
	}
	if revision <= floor {
		return nil
	}
	r := newRequest(0, func(t *tx) error {
		_, err := t.compact(s.hub, revision)
		return err
	})
	r.frees = true
	_, err := s.do(ctx, r)
	return err
}

// Scrub cuts off all history, and leaves nothing of what was deleted in the file or its log. It is for the start: it writes the
// file anew.
func (s *Store) Scrub(ctx context.Context) error {
	newest, _ := s.hub.revision()
	for more := true; more; {
		r := newRequest(0, func(t *tx) (err error) {
			more, err = t.compact(s.hub, newest)
			return err
		})
		r.frees = true
		if _, err := s.do(ctx, r); err != nil {
			return err
		}
	}
	db := openDB(s.path, "synchronous(FULL)")
	defer func() { _ = db.Close() }() // all of it is in the file by then
	if _, err := db.ExecContext(ctx, "VACUUM"); err != nil {
		return failed(err)
	}
	var busy, pages, done int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done); err != nil {
		return failed(err)
	}
	if busy != 0 {
		return fault.New(fault.Unavailable, "the log of the store is in use")
	}
	return nil
}

// compact raises the floor and deletes some of what lies under it; more says that some is left,
// which compactIfDue deletes.
func (t *tx) compact(h *hub, floor int64) (more bool, err error) {
	h.raise(floor) // first: readers look at it after they have read
	if err := t.stmt.exec(t.stmt.setMeta, floor, "compacted"); err != nil {
		return false, failed(err)
	}
	rows, err := t.stmt.compact.QueryContext(context.Background(), floor, compactRows)
	if err != nil {
		return false, failed(err)
	}
	defer rows.Close()
	deleted := 0
	for ; rows.Next(); deleted++ {
		var size int64
		if err := rows.Scan(&size); err != nil {
			return false, failed(err)
		}
		t.dead -= size
	}
	return deleted == compactRows, failed(rows.Err())
}

// compactIfDue keeps the history within its bounds, a step at a time so that no commit waits long.
func (w *writer) compactIfDue() {
	newest, floor := w.s.hub.revision()
	kept, target := newest-floor, floor
	switch {
	case kept > w.s.opt.History+w.s.opt.History/4:
		target = newest - w.s.opt.History
	case w.dead > w.s.opt.HistoryBytes && kept > 1:
		target = floor + kept/2
	}
	if target == floor && w.swept >= floor {
		return
	}
	w.sweep(target)
}

// sweep does one step and reports whether that worked. A failure is not told to anybody: commits
// fail by the same cause and say so, and what was not deleted is deleted by a later step.
func (w *writer) sweep(floor int64) bool {
	more := true
	r := newRequest(0, func(t *tx) (err error) {
		more, err = t.compact(w.s.hub, floor)
		return err
	})
	if w.attempt([]*request{r}) != nil {
		return false
	}
	if !more {
		w.swept = floor
	}
	return true
}
