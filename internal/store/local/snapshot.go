package local

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
)

// Snapshot takes a snapshot of what is committed, beside the writer and whoever reads, and removes those that
// need not be kept any more.
func (s *Store) Snapshot(ctx context.Context, reason snapshot.Reason, now time.Time) (snapshot.Manifest, error) {
	if s.opt.Snapshots == "" {
		return snapshot.Manifest{}, fault.New(fault.Precondition, "no folder for snapshots of the store was named")
	}
	if err := s.ready(ctx); err != nil {
		return snapshot.Manifest{}, err
	}
	m, err := s.snapshot(ctx, reason, now)
	if err != nil {
		return m, err
	}
	_, err = snapshot.At(s.opt.Snapshots).Prune(now)
	return m, err
}

func (s *Store) snapshot(ctx context.Context, reason snapshot.Reason, now time.Time) (snapshot.Manifest, error) {
	return takeSnapshot(ctx, s.path, s.opt.Snapshots, s.known(), reason, now)
}

// takeSnapshot copies the store at path into the folder. The copy is one whole file, as of one revision, and
// was checked when it counts.
func takeSnapshot(ctx context.Context, path, folder string, known int64, reason snapshot.Reason, now time.Time) (snapshot.Manifest, error) {
	return snapshot.At(folder).Add(now, reason, func(to string) (snapshot.Manifest, error) {
		if err := roomFor(path, folder); err != nil {
			return snapshot.Manifest{}, err
		}
		if err := copyInto(ctx, path, to); err != nil {
			return snapshot.Manifest{}, err
		}
		f, err := inspect(ctx, to, known)
		return snapshot.Manifest{Schema: f.schema, Revision: f.revision, Keys: f.keys}, err
	})
}

// copyInto has SQLite write what is committed into a new file.
func copyInto(ctx context.Context, path, to string) error {
	db, c, err := openReading(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(c.Close(), db.Close()) }()
	_, err = c.ExecContext(ctx, "VACUUM INTO ?", to)
	return failAt(path, err)
}

// roomAfter is what a snapshot leaves free on the disk at least: it is never what fills it.
const roomAfter = 32 << 20

// roomFor refuses a snapshot that would fill the disk.
func roomFor(path, folder string) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return failAt(path, err)
	}
	need := fileSize(path) + fileSize(path+"-wal") + roomAfter
	if free := int64(disk.Bavail) * disk.Bsize; free < need { // #nosec G115 -- a file system has less than 2^63 bytes
		return fault.New(fault.Exhausted, "no room for a snapshot of the store: %d MiB are free, and it wants %d MiB", free>>20, need>>20).
			Try("free some space on the disk of %s", folder).WithCode(CodeFull)
	}
	return nil
}

// KeepSnapshots takes a snapshot now, if something has changed since the last one, and whenever one is due,
// until ctx ends.
func (s *Store) KeepSnapshots(ctx context.Context, when snapshot.When, log *slog.Logger) {
	last := s.newestSnapshot()
	s.keeping.Store(&Kept{Newest: last})
	look := time.NewTicker(time.Minute)
	defer look.Stop()
	failing := false
	for {
		revision, _ := s.hub.revision()
		now := time.Now()
		reason := when.Due(last, revision, now)
		if last != nil && reason == snapshot.Start {
			last = nil // of another store
		}
		if reason != "" {
			m, err := s.Snapshot(ctx, reason, now)
			switch {
			case err == nil:
				log.Info("snapshot of the store", "name", m.Name, "reason", string(reason), "bytes", m.Bytes)
				last, failing = &m, false
				s.keeping.Store(&Kept{Newest: last})
			case ctx.Err() == nil:
				if !failing { // said once
					log.Warn("no snapshot of the store", "err", err, "hint", fault.HintOf(err))
				}
				failing = true
				s.keeping.Store(&Kept{Newest: last, Failure: err})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// Kept is how the keeping of snapshots goes.
type Kept struct {
	Newest  *snapshot.Manifest // nil for none
	Failure error              // why the last attempt came to nothing
}

// Kept returns how the keeping of snapshots goes.
func (s *Store) Kept() Kept {
	if k := s.keeping.Load(); k != nil {
		return *k
	}
	return Kept{}
}

// newestSnapshot returns the newest snapshot that there is, nil if none can be found.
func (s *Store) newestSnapshot() *snapshot.Manifest {
	all, _, err := snapshot.At(s.opt.Snapshots).List()
	if err != nil || len(all) == 0 {
		return nil
	}
	return &all[len(all)-1]
}
