package local

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
)

// A migration takes a file from one version of its form to the next, inside a transaction that also writes
// the new version down: a crash leaves the one form or the other.
type migration func(ctx context.Context, c *sql.Conn) error

// migrations[n] goes from version n+1 to n+2. There has been one form so far. Whoever changes ddl adds the
// step here, writes the new version into ddl, and records a file of the form that was (testdata/schema-N.db.gz).
var migrations []migration

// migrate brings an older file to the newest form, one step after the other. Before the first step a
// snapshot is taken: without one nothing is changed.
func (s *Store) migrate(ctx context.Context, from int64) error {
	if from >= s.known() {
		return nil
	}
	if s.opt.Snapshots != "" {
		if _, err := s.snapshot(ctx, snapshot.Migration, time.Now()); err != nil {
			return fault.Wrap(err, "the store %s is not brought to the new form without a snapshot of the old one", s.path)
		}
	}
	db := openDB(s.path, "synchronous(FULL)")
	c, err := db.Conn(ctx)
	if err != nil {
		return s.fail(errors.Join(err, db.Close()))
	}
	defer func() { _ = errors.Join(c.Close(), db.Close()) }() // what was committed is durable
	for version := from; version < s.known(); version++ {
		if err := step(ctx, c, s.migrations[version-1], version+1); err != nil {
			return fault.Wrap(s.fail(err), "cannot bring the store %s from form %d to %d; it stays as it was", s.path, version, version+1)
		}
	}
	return nil
}

// step does one migration and writes its version down, or nothing.
func step(ctx context.Context, c *sql.Conn, m migration, version int64) (err error) {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, again := c.ExecContext(ctx, "ROLLBACK")
			err = errors.Join(err, again)
		}
	}()
	if err := m(ctx, c); err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, "UPDATE meta SET value = ? WHERE name = 'schema'", version); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}

// known is the newest form that this program reads.
func (s *Store) known() int64 { return int64(len(s.migrations)) + 1 }
