package local

import (
	"errors"
	"math"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// revBits is how many low bits of a row's id number the changes within one revision. The ids of a
// revision's rows are thus its revision and their order; 2^43 revisions fit.
const revBits = 20

// live stands in history.superseded of a value that holds still.
const live = math.MaxInt64

// ddl makes an empty store. A row of history is a value of a key from revision id>>20 until
// revision superseded. A delete is a row that was superseded by its own revision: it holds at no
// revision, and is there for those who watch.
//
// The form of a new file is the newest: whoever changes it adds the step from the one before (migrate.go).
const ddl = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('schema', 1), ('compacted', 0), ('last_lease', 0);
CREATE TABLE history (
	id         INTEGER PRIMARY KEY,
	key        TEXT    NOT NULL,
	superseded INTEGER NOT NULL,
	created    INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	lease      INTEGER NOT NULL,
	value      BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX by_key ON history (key, superseded, id);
CREATE INDEX gone ON history (superseded) WHERE superseded < 9223372036854775807;
CREATE INDEX leased ON history (lease) WHERE lease <> 0 AND superseded = 9223372036854775807;
CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL) STRICT;
`

// ensureFile makes the file if there is none. It is made under another name and renamed when it is
// whole, so that an empty store.db is never a store that was just begun: it is one that was lost.
func (s *Store) ensureFile() error {
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.path), restoring)); err == nil {
		return s.damaged(errors.New("putting a snapshot back was cut off"))
	}
	if _, err := os.Stat(s.path); err == nil {
		return s.fail(os.Chmod(s.path, 0o600))
	}
	if _, err := os.Stat(s.path + "-wal"); err == nil {
		return s.damaged(errors.New("the file is missing while its write-ahead log is there"))
	}
	if s.opt.Snapshots != "" && s.newestSnapshot() != nil {
		return s.damaged(errors.New("the file is missing while there are snapshots of it"))
	}
	return fault.Wrap(s.fail(s.makeFile(s.path+".new")), "cannot make the store")
}

func (s *Store) makeFile(path string) error {
	for _, old := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	// SQLite gives its other files the mode of this one.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db := openDB(path, "synchronous(FULL)")
	if _, err := db.Exec("BEGIN; " + ddl + "COMMIT; PRAGMA journal_mode=WAL;"); err != nil {
		_ = db.Close()
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Rename(path, s.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
