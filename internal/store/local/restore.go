package local

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
	"github.com/hyper-nixos/hyper-nixos/model/upkeep"
)

// restoring is the file that stands in the folder of a store while a snapshot is being put back: with it the
// store is not opened, whatever half of the two is there.
const restoring = "restoring"

// ahead is how far the revisions and the leases of a store that was put back begin beyond those of the
// snapshot: no revision that anybody has seen comes again with another meaning, and no fencing token either.
const ahead = 1_000_000_000

// Restore puts a snapshot back as the store in dir, and keeps what was there aside. name is empty for the
// newest one that is whole. Without really it only says what that would mean. It is refused with
// fault.Conflict while the store is in use.
func Restore(ctx context.Context, dir, snapshots, name string, really bool, now time.Time) (upkeep.Restore, error) {
	if _, err := os.Stat(dir); err != nil {
		return upkeep.Restore{}, failAt(filepath.Join(dir, fileName), err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return upkeep.Restore{}, fault.Wrap(err, "cannot put a snapshot back")
	}
	defer func() { _ = lock.release() }()
	folder := snapshot.At(snapshots)
	m, err := choose(ctx, folder, name)
	if err != nil {
		return upkeep.Restore{}, err
	}
	path := filepath.Join(dir, fileName)
	out := upkeep.Restore{Snapshot: told(m)}
	compare(ctx, path, folder.Path(m.Name), &out)
	if !really {
		return out, nil
	}
	if err := prepare(ctx, folder.Path(m.Name), path+".new", now); err != nil {
		return out, fault.Wrap(failAt(path, err), "cannot put the snapshot %s back; nothing was changed", m.Name)
	}
	if out.Aside, err = exchange(dir, now); err != nil {
		return out, fault.Wrap(failAt(path, err), "putting the snapshot %s back was cut off; what was there is in %s", m.Name, out.Aside)
	}
	out.Done = true
	return out, nil
}

// choose finds the snapshot that is meant, whole.
func choose(ctx context.Context, f snapshot.Folder, name string) (snapshot.Manifest, error) {
	if name != "" {
		m, err := f.Read(name)
		if err != nil {
			return m, err
		}
		return m, whole(ctx, f, m)
	}
	all, unreadable, err := f.List()
	if err != nil {
		return snapshot.Manifest{}, err
	}
	damaged := len(unreadable)
	for _, m := range slices.Backward(all) {
		if whole(ctx, f, m) == nil {
			return m, nil
		}
		damaged++
	}
	return snapshot.Manifest{}, fault.New(fault.NotFound, "there is no snapshot that could be put back (%d are damaged)", damaged).
		Try("hv store list").WithCode("HV-STORE-005")
}

// compare says which objects are not the same in the store and in the snapshot, as far as the store can be
// read.
func compare(ctx context.Context, path, copied string, out *upkeep.Restore) {
	now, err := objects(ctx, path)
	if err == nil {
		out.Readable = true
		out.Revision, err = revisionOf(ctx, path)
	}
	if err != nil {
		out.Problem = err.Error()
	}
	if len(now) == 0 && !out.Readable {
		return
	}
	then, err := objects(ctx, copied)
	if err != nil {
		out.Problem = err.Error()
		return
	}
	for _, key := range union(now, then) {
		a, here := now[key]
		b, there := then[key]
		fate := upkeep.Older
		switch {
		case !out.Readable && !here: // it may be in the part that cannot be read
			continue
		case !there:
			fate = upkeep.Lost
		case !here:
			fate = upkeep.Again
		case bytes.Equal(a, b):
			continue
		}
		if len(out.Changes) == upkeep.MaxChanges {
			out.More++
			continue
		}
		ref, err := store.ParseSpec(key)
		if err != nil {
			continue
		}
		out.Changes = append(out.Changes, upkeep.Change{Kind: ref.Kind, Project: ref.Project, Name: ref.Name, What: fate})
	}
}

func union(a, b map[string][]byte) []string {
	var keys []string
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// objects reads what is wished, without operations: those are history. With an error come those that could
// be read before it.
func objects(ctx context.Context, path string) (map[string][]byte, error) {
	db, c, err := openReading(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = errors.Join(c.Close(), db.Close()) }()
	all := map[string][]byte{}
	operations := store.SpecPrefix("operation")
	err = each(ctx, c, func(scan func(...any) error) error {
		var key string
		var value []byte
		if err := scan(&key, &value); err != nil {
			return err
		}
		if _, err := store.ParseSpec(key); err == nil && !strings.HasPrefix(key, operations) {
			all[key] = value
		}
		return nil
	}, "SELECT key, value FROM history WHERE superseded = 9223372036854775807")
	return all, failAt(path, err)
}

func revisionOf(ctx context.Context, path string) (int64, error) {
	db, c, err := openReading(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = errors.Join(c.Close(), db.Close()) }()
	var f facts
	err = f.read(ctx, c)
	return f.revision, failAt(path, err)
}

// prepare makes the file that is to become the store: the snapshot, with revisions and leases far ahead and
// a mark that it was put back.
func prepare(ctx context.Context, from, to string, now time.Time) error {
	for _, old := range []string{to, to + "-wal", to + "-shm", to + "-journal"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := copyFile(from, to); err != nil {
		return err
	}
	db := openDB(to, "synchronous(FULL)")
	c, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = mark(ctx, c, now)
	if err := errors.Join(err, c.Close(), db.Close()); err != nil {
		return err
	}
	return syncFile(to)
}

func mark(ctx context.Context, c *sql.Conn, now time.Time) error {
	var f facts
	if err := f.read(ctx, c); err != nil {
		return err
	}
	for _, row := range []struct {
		name  string
		value int64
	}{{"compacted", f.revision + ahead}, {"last_lease", f.lease + ahead}, {restored, now.Unix()}} {
		if _, err := c.ExecContext(ctx, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", row.name, row.value); err != nil {
			return err
		}
	}
	var mode string
	return c.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
}

// exchange moves what is there aside and the new file into its place. The mark stands from before the first
// of these moves until after the last.
func exchange(dir string, now time.Time) (aside string, err error) {
	aside = filepath.Join(dir, "aside-"+now.UTC().Format("20060102T150405Z"))
	marked := filepath.Join(dir, restoring)
	if err := os.WriteFile(marked, fmt.Appendf(nil, "%s\n", aside), 0o600); err != nil {
		return aside, err
	}
	if err := errors.Join(syncFile(marked), syncDir(dir)); err != nil {
		return aside, err
	}
	if err := os.Mkdir(aside, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return aside, err
	}
	for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return aside, err
		}
	}
	if err := syncDir(aside); err != nil {
		return aside, err
	}
	path := filepath.Join(dir, fileName)
	if err := os.Rename(path+".new", path); err != nil {
		return aside, err
	}
	if err := syncDir(dir); err != nil {
		return aside, err
	}
	if err := os.Remove(marked); err != nil {
		return aside, err
	}
	return aside, syncDir(dir)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// restored is the row of meta that says when a snapshot was put back.
const restored = "restored"

// Restored returns when a snapshot was put back of which nobody has taken note yet; the zero time if none was.
func (s *Store) Restored() time.Time {
	if s.restored == 0 {
		return time.Time{}
	}
	return time.Unix(s.restored, 0).UTC()
}

// NoteRestored takes note of it: what followed from it was done.
func (s *Store) NoteRestored(ctx context.Context) error {
	r := newRequest(0, func(t *tx) error { return failed(t.stmt.exec(t.stmt.forgetMeta, restored)) })
	_, err := s.do(ctx, r)
	return err
}
