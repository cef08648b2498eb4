package local

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// Commit implements store.Committer.
func (s *Store) Commit(ctx context.Context, txn store.Txn) (store.Result, error) {
	if err := txn.Check(); err != nil {
		return store.Result{}, err
	}
	size := 0
	for _, op := range txn.Then {
		size += len(op.Key) + len(op.Value)
	}
	r := newRequest(size, func(t *tx) error { return t.apply(txn) })
	r.frees = onlyDeletes(txn)
	rev, err := s.do(ctx, r)
	if err != nil {
		return store.Result{}, err
	}
	return store.Result{Revision: rev}, nil
}

// tx is one request's part of a transaction.
type tx struct {
	stmt   *writeStmts
	rev    int64 // the revision it makes, if it changes anything
	events []store.Event
	dead   int64 // bytes of values it supersedes, less those it deletes
}

// row is a value with the place where it is kept.
type row struct {
	id int64
	kv store.KV
}

// apply refuses txn, or does it.
func (t *tx) apply(txn store.Txn) error {
	var mismatches []store.Mismatch
	for _, c := range txn.If {
		have, err := t.modRevision(c.Key)
		if err != nil {
			return err
		}
		if !c.Holds(have) {
			mismatches = append(mismatches, store.Mismatch{Key: c.Key, Want: c, Have: have})
		}
	}
	if err := store.Refuse(mismatches); err != nil {
		return err
	}
	for _, op := range txn.Then {
		if err := t.checkLease(op.Lease); err != nil {
			return err
		}
	}
	for _, op := range txn.Then {
		if err := t.op(op); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) op(op store.Op) error {
	switch op.Kind {
	case store.OpPut:
		return t.put(op)
	case store.OpDelete:
		old, err := t.live(op.Key)
		if err != nil || old == nil {
			return err
		}
		return t.remove(*old)
	case store.OpDeletePrefix:
		return t.removeAll(t.stmt.livePrefix, op.Key, after(op.Key))
	}
	return fault.New(fault.Internal, "operation %d on key %q was not checked", op.Kind, op.Key)
}

func (t *tx) put(op store.Op) error {
	kv := store.KV{Key: op.Key, Value: bytes.Clone(op.Value), CreateRevision: t.rev, ModRevision: t.rev, Version: 1, Lease: op.Lease}
	if kv.Value == nil {
		kv.Value = []byte{} // as it will be read
	}
	old, err := t.live(op.Key)
	if err != nil {
		return err
	}
	event := store.Event{Type: store.Put, KV: kv}
	if old != nil {
		event.KV.CreateRevision, event.KV.Version = old.kv.CreateRevision, old.kv.Version+1
		event.Prev = &old.kv
		if err := t.supersede(*old); err != nil {
			return err
		}
	}
	return t.record(event, live)
}

func (t *tx) remove(old row) error {
	if err := t.supersede(old); err != nil {
		return err
	}
	event := store.Event{Type: store.Delete, KV: store.KV{Key: old.kv.Key, ModRevision: t.rev}, Prev: &old.kv}
	return t.record(event, t.rev)
}

// removeAll removes what the statement finds.
func (t *tx) removeAll(find *sql.Stmt, args ...any) error {
	found, err := t.query(find, args...)
	if err != nil {
		return err
	}
	for _, old := range found {
		if err := t.remove(old); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) supersede(old row) error {
	t.dead += int64(len(old.kv.Value))
	return failed(t.stmt.exec(t.stmt.supersede, t.rev, old.id))
}

// record writes the row of an event.
func (t *tx) record(e store.Event, superseded int64) error {
	if len(t.events) >= store.MaxDeletes {
		return failed(fault.New(fault.Exhausted, "a transaction that changes more than %d keys is too large", store.MaxDeletes))
	}
	id := t.rev<<revBits | int64(len(t.events))
	t.events = append(t.events, e)
	value := e.KV.Value
	if value == nil {
		value = []byte{}
	}
	return failed(t.stmt.exec(t.stmt.insert, id, e.KV.Key, superseded, e.KV.CreateRevision, e.KV.Version, e.KV.Lease, value))
}

// modRevision returns the revision that wrote a key, 0 if there is none.
func (t *tx) modRevision(key string) (int64, error) {
	var id int64
	err := t.stmt.liveID.QueryRowContext(context.Background(), key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id >> revBits, failed(err)
}

// live returns the row that holds a key, nil if there is none.
func (t *tx) live(key string) (*row, error) {
	rows, err := t.query(t.stmt.live, key)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

func (t *tx) query(stmt *sql.Stmt, args ...any) ([]row, error) {
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return nil, failed(err)
	}
	defer rows.Close()
	var found []row
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, failed(err)
		}
		found = append(found, r)
	}
	return found, failed(rows.Err())
}

// scan reads a row of (id, key, created, version, lease, value).
func scan(rows *sql.Rows) (row, error) {
	var r row
	err := rows.Scan(&r.id, &r.kv.Key, &r.kv.CreateRevision, &r.kv.Version, &r.kv.Lease, &r.kv.Value)
	r.kv.ModRevision = r.id >> revBits
	if r.kv.Value == nil {
		r.kv.Value = []byte{}
	}
	return r, err
}

// after is the smallest text greater than every key that begins with prefix: keys are ASCII below
// 0x7f (store.CheckKey).
func after(prefix string) string { return prefix + "\x7f" }

// writeStmts are the writer's prepared statements.
type writeStmts struct {
	begin, commit, rollback                  *sql.Stmt
	liveID, live, livePrefix, liveLease      *sql.Stmt
	supersede, insert                        *sql.Stmt
	lease, insertLease, deleteLease, setMeta *sql.Stmt
	compact, forgetMeta                      *sql.Stmt
	prepared                                 []*sql.Stmt
}

func (w *writeStmts) prepare(ctx context.Context, c *sql.Conn) error {
	const columns, holds = "SELECT id, key, created, version, lease, value FROM history WHERE ", " AND superseded = 9223372036854775807"
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.begin, "BEGIN IMMEDIATE"},
		{&w.commit, "COMMIT"},
		{&w.rollback, "ROLLBACK"},
		{&w.liveID, "SELECT id FROM history WHERE key = ?" + holds},
		{&w.live, columns + "key = ?" + holds},
		{&w.livePrefix, columns + "key >= ? AND key < ?" + holds + " ORDER BY key"},
		{&w.liveLease, columns + "lease = ? AND lease <> 0" + holds + " ORDER BY key"},
		{&w.supersede, "UPDATE history SET superseded = ? WHERE id = ?"},
		{&w.insert, "INSERT INTO history (id, key, superseded, created, version, lease, value) VALUES (?, ?, ?, ?, ?, ?, ?)"},
		{&w.lease, "SELECT count(*) FROM lease WHERE id = ?"},
		{&w.insertLease, "INSERT INTO lease (id, ttl) VALUES (?, ?)"},
		{&w.deleteLease, "DELETE FROM lease WHERE id = ?"},
		{&w.setMeta, "UPDATE meta SET value = ? WHERE name = ?"},
		{&w.forgetMeta, "DELETE FROM meta WHERE name = ?"},
		{&w.compact, `DELETE FROM history WHERE id IN (SELECT id FROM history
			WHERE superseded <= ? AND superseded < 9223372036854775807 LIMIT ?) RETURNING length(value)`},
	} {
		stmt, err := c.PrepareContext(ctx, p.text) //nolint:sqlclosecheck // close closes all that were prepared
		if err != nil {
			return err
		}
		*p.stmt = stmt
		w.prepared = append(w.prepared, stmt)
	}
	return nil
}

func (w *writeStmts) exec(stmt *sql.Stmt, args ...any) error {
	_, err := stmt.ExecContext(context.Background(), args...)
	return err
}

func (w *writeStmts) close() {
	for _, stmt := range w.prepared {
		_ = stmt.Close()
	}
}
