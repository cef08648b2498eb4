package local

import (
	"context"
	"database/sql"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// Every read is as of a revision that the hub has announced: what a reader sees, the watches were
// told before or are being told.

// readStmts are prepared on whichever of the reading connections serves a call.
type readStmts struct {
	get, list, events *sql.Stmt
}

func (r *readStmts) prepare(db *sql.DB) error {
	var errs [3]error
	r.get, errs[0] = db.Prepare(`SELECT id, key, created, version, lease, value FROM history
		WHERE key = ? AND superseded > ? AND id < ?`)
	r.list, errs[1] = db.Prepare(`SELECT id, key, created, version, lease, value FROM history
		WHERE key >= ? AND key < ? AND superseded > ? AND id < ? ORDER BY key LIMIT ?`)
	r.events, errs[2] = db.Prepare(`SELECT e.id, e.key, e.created, e.version, e.lease, e.value,
			p.id, p.created, p.version, p.lease, p.value
		FROM history e LEFT JOIN history p ON p.key = e.key AND p.superseded = e.id >> 20 AND p.id <> e.id
		WHERE e.id >= ? AND e.id < ? AND +e.key >= ? AND +e.key < ? ORDER BY e.id`)
	return errors.Join(errs[:]...)
}

// firstID is the least id that a row of a revision can have.
func firstID(rev int64) int64 { return rev << revBits }

// Get implements store.Reader.
func (s *Store) Get(ctx context.Context, key string) (store.KV, error) {
	if err := store.CheckKey(key); err != nil {
		return store.KV{}, err
	}
	if err := s.ready(ctx); err != nil {
		return store.KV{}, err
	}
	rev, _ := s.hub.revision()
	// A background context: the driver starts a goroutine for one that can end, and this takes microseconds.
	rows, err := s.read.get.QueryContext(context.Background(), key, rev, firstID(rev+1))
	if err != nil {
		return store.KV{}, s.readFailure(err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return store.KV{}, s.readFailure(err)
		}
		return store.KV{}, fault.New(fault.NotFound, "there is no %s", key)
	}
	r, err := scan(rows)
	return r.kv, s.readFailure(err)
}

// List implements store.Reader.
func (s *Store) List(ctx context.Context, prefix string, opt store.ListOptions) (store.Page, error) {
	if err := errors.Join(store.CheckPrefix(prefix), store.CheckPrefix(opt.After)); err != nil {
		return store.Page{}, err
	}
	if err := s.ready(ctx); err != nil {
		return store.Page{}, err
	}
	limit := opt.Limit
	if limit <= 0 || limit > store.MaxPage {
		limit = store.MaxPage
	}
	newest, _ := s.hub.revision()
	page := store.Page{Revision: newest}
	if opt.Revision > 0 {
		page.Revision = opt.Revision
	}
	kvs, err := s.listAt(ctx, prefix, opt.After, page.Revision, limit+1)
	if err != nil {
		return store.Page{}, s.readFailure(err)
	}
	// Asked after the rows were read: a compaction announces itself before it deletes.
	if newest, floor := s.hub.revision(); page.Revision < floor || page.Revision > newest {
		return store.Page{}, store.Gone(page.Revision, floor, newest)
	}
	page.More = len(kvs) > limit
	page.KVs = kvs[:min(limit, len(kvs))]
	return page, nil
}

func (s *Store) listAt(ctx context.Context, prefix, greater string, rev int64, limit int) ([]store.KV, error) {
	first := prefix
	if greater != "" {
		first = max(prefix, greater+"\x01") // less than every character of a key
	}
	rows, err := s.read.list.QueryContext(ctx, first, after(prefix), rev, firstID(rev+1), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var kvs []store.KV
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		kvs = append(kvs, r.kv)
	}
	return kvs, rows.Err()
}

// Revision implements store.Reader.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	rev, _ := s.hub.revision()
	return rev, nil
}

// ready refuses a call whose ctx has ended, or that comes after Close.
func (s *Store) ready(ctx context.Context) error {
	if ctx.Err() != nil {
		return given(ctx)
	}
	select {
	case <-s.closing:
		return errClosed()
	default:
		return nil
	}
}

// readFailure is fail for a read, which Close may have overtaken.
func (s *Store) readFailure(err error) error {
	if err == nil {
		return nil
	}
	select {
	case <-s.closing:
		return errClosed()
	default:
		return s.fail(err)
	}
}
