package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// openReading returns one connection that cannot write: closing it copies nothing from the write-ahead log
// into the file, so that a file which is refused stays as it was found. Where there is no such log to be
// read, not even the files beside it are made.
func openReading(ctx context.Context, path string) (*sql.DB, *sql.Conn, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil, failAt(path, err)
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "trusted_schema(0)", "cache_size(-1024)"}}
	if log, err := os.Stat(path + "-wal"); err != nil || log.Size() == 0 {
		if _, err := os.Stat(path + "-shm"); err != nil {
			q.Set("immutable", "1") // nobody has it open
		}
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, nil, failAt(path, err)
	}
	c, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, nil, failAt(path, err)
	}
	return db, c, nil
}

// facts are what a file says of itself.
type facts struct {
	schema, revision, compacted, lease, keys int64
}

// inspect refuses a file that is not ours, newer than known, or damaged, and touches nothing.
func inspect(ctx context.Context, path string, known int64) (f facts, err error) {
	db, c, err := openReading(ctx, path)
	if err != nil {
		return f, err
	}
	defer func() { _ = errors.Join(c.Close(), db.Close()) }()
	if f.schema, err = schemaOf(ctx, c, path); err != nil {
		return f, err
	}
	if f.schema > known {
		return f, fault.New(fault.Precondition, "the store %s was written by a newer version of this program (schema %d, known here: %d)",
			path, f.schema, known).WithCode(CodeNewer).
			Try("run the newer version; or go back to a snapshot of this one's: sudo hv store list, then sudo hv store restore SNAPSHOT")
	}
	var verdict string
	if err := c.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return f, failAt(path, err)
	}
	if verdict != "ok" {
		return f, damagedAt(path, fmt.Errorf("%s", verdict))
	}
	return f, failAt(path, f.read(ctx, c))
}

// schemaOf returns the version of a file's form; damage if it holds no store.
func schemaOf(ctx context.Context, c *sql.Conn, path string) (int64, error) {
	var found, version int64
	err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'history', 'lease')").Scan(&found)
	if err != nil {
		return 0, failAt(path, err)
	}
	if found != 3 {
		return 0, damagedAt(path, errors.New("it holds no store"))
	}
	if err := c.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'schema'").Scan(&version); err != nil {
		return 0, damagedAt(path, err)
	}
	if version < 1 {
		return 0, damagedAt(path, fmt.Errorf("its schema is %d", version))
	}
	return version, nil
}

// read reads what every version of the form has had.
func (f *facts) read(ctx context.Context, c *sql.Conn) error {
	var newest, compacted, lease sql.NullInt64
	err := c.QueryRowContext(ctx, `SELECT (SELECT max(id) FROM history), (SELECT value FROM meta WHERE name = 'compacted'),
		(SELECT value FROM meta WHERE name = 'last_lease'), (SELECT count(*) FROM history WHERE superseded = 9223372036854775807)`).
		Scan(&newest, &compacted, &lease, &f.keys)
	f.compacted, f.lease = compacted.Int64, lease.Int64
	f.revision = max(newest.Int64>>revBits, compacted.Int64)
	return err
}
