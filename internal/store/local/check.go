package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
	"github.com/hyper-nixos/hyper-nixos/model/upkeep"
)

// Check reads the whole store in dir and every snapshot of it, whoever has it open, and changes neither. An
// error says that nothing could be found out; what is wrong with the store is in the answer.
func Check(ctx context.Context, dir, snapshots string) (upkeep.Check, error) {
	path := filepath.Join(dir, fileName)
	out := upkeep.Check{
		Path: path, Known: int64(len(migrations)) + 1, Bytes: fileSize(path) + fileSize(path+"-wal"), InUse: user(dir),
	}
	all, err := Snapshots(ctx, snapshots)
	if err != nil {
		return out, err
	}
	for i, s := range all {
		if s.Problem != "" {
			out.Spoilt = append(out.Spoilt, s.Name)
			continue
		}
		out.Snapshots++
		out.Newest = &all[i]
	}
	if out.InUse == "" {
		if _, err := os.Stat(filepath.Join(dir, restoring)); err == nil {
			out.Condition, out.Hint = upkeep.Interrupted, "sudo hv store restore"
			return out, nil
		}
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		out.Condition, out.Hint = upkeep.Missing, either(out.Snapshots > 0, "sudo hv store restore", "start hvd: it makes a new one")
		return out, nil
	}
	err = judge(&out, examine(ctx, path, &out))
	return out, err
}

// judge puts an error about the file into the answer, and passes on every other one.
func judge(out *upkeep.Check, err error) error {
	switch {
	case err == nil && len(out.Problems) == 0:
		out.Condition = upkeep.Whole
		return nil
	case fault.CodeOf(err) == CodeNewer:
		out.Condition, out.Problems, out.Hint = upkeep.Newer, []string{err.Error()}, fault.HintOf(err)
		return nil
	case err != nil && fault.CodeOf(err) != CodeDamaged:
		return err
	case err != nil:
		out.Problems = append(out.Problems, err.Error())
	}
	out.Condition = upkeep.Damaged
	out.Hint = either(out.Snapshots > 0, "sudo hv store restore", "there is no snapshot: keep a copy of the file for who is to mend it")
	return nil
}

func either(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}

// examine looks at everything in the file.
func examine(ctx context.Context, path string, out *upkeep.Check) error {
	found, err := inspect(ctx, path, out.Known)
	out.Schema, out.Revision, out.Keys = found.schema, found.revision, found.keys
	if err != nil {
		return err
	}
	db, c, err := openReading(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(c.Close(), db.Close()) }()
	for _, look := range []func(context.Context, *sql.Conn, func(string, ...any)) error{integrity, twice, values} {
		err := look(ctx, c, func(format string, args ...any) {
			if len(out.Problems) < upkeep.MaxProblems {
				out.Problems = append(out.Problems, fmt.Sprintf(format, args...))
			}
		})
		if err != nil {
			return failAt(path, err)
		}
	}
	return nil
}

// integrity is SQLite's own whole check: pages, indexes, constraints.
func integrity(ctx context.Context, c *sql.Conn, say func(string, ...any)) error {
	return each(ctx, c, func(scan func(...any) error) error {
		var verdict string
		if err := scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			say("%s", verdict)
		}
		return nil
	}, fmt.Sprintf("PRAGMA integrity_check(%d)", upkeep.MaxProblems))
}

// twice finds keys of which two values hold at once.
func twice(ctx context.Context, c *sql.Conn, say func(string, ...any)) error {
	return each(ctx, c, func(scan func(...any) error) error {
		var key string
		if err := scan(&key); err != nil {
			return err
		}
		say("%.200q holds two values", key)
		return nil
	}, "SELECT key FROM history WHERE superseded = 9223372036854775807 GROUP BY key HAVING count(*) > 1 LIMIT 100")
}

// values finds values that are not what the daemon writes: SQLite has no checksums, so a bit that flipped
// inside of a value shows itself here or nowhere.
func values(ctx context.Context, c *sql.Conn, say func(string, ...any)) error {
	return each(ctx, c, func(scan func(...any) error) error {
		var key string
		var value []byte
		if err := scan(&key, &value); err != nil {
			return err
		}
		if len(value) > 0 && !json.Valid(value) {
			say("the value of %.200q cannot be read", key)
		}
		return nil
	}, "SELECT key, value FROM history WHERE superseded = 9223372036854775807")
}

func each(ctx context.Context, c *sql.Conn, row func(scan func(...any) error) error, query string) error {
	rows, err := c.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// user says who has the store in dir open; empty for nobody.
func user(dir string) string {
	f, err := os.Open(filepath.Join(dir, "lock")) // #nosec G304 -- our own folder
	if err != nil {
		return ""
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return ""
	}
	return holder(f)
}

// Snapshots returns the snapshots in a folder, oldest first, each with what is wrong with it.
func Snapshots(ctx context.Context, folder string) ([]upkeep.Snapshot, error) {
	f := snapshot.At(folder)
	all, unreadable, err := f.List()
	if err != nil {
		return nil, err
	}
	var out []upkeep.Snapshot
	for _, name := range unreadable {
		out = append(out, upkeep.Snapshot{Name: name, Problem: "its manifest cannot be read"})
	}
	for _, m := range all {
		s := told(m)
		if err := whole(ctx, f, m); err != nil {
			s.Problem = err.Error()
		}
		out = append(out, s)
	}
	return out, nil
}

func told(m snapshot.Manifest) upkeep.Snapshot {
	return upkeep.Snapshot{Name: m.Name, Time: m.Time, Reason: string(m.Reason), Schema: m.Schema, Revision: m.Revision, Keys: m.Keys, Bytes: m.Bytes}
}

// whole holds a snapshot against its manifest, and its content against what a store is.
func whole(ctx context.Context, f snapshot.Folder, m snapshot.Manifest) error {
	if err := f.Verify(m); err != nil {
		return err
	}
	_, err := inspect(ctx, f.Path(m.Name), int64(len(migrations))+1)
	return err
}

// TakeSnapshot takes a snapshot of the store in dir, whoever has it open.
func TakeSnapshot(ctx context.Context, dir, snapshots string, now time.Time) (upkeep.Snapshot, error) {
	m, err := takeSnapshot(ctx, filepath.Join(dir, fileName), snapshots, int64(len(migrations))+1, snapshot.Asked, now)
	if err != nil {
		return upkeep.Snapshot{}, err
	}
	_, err = snapshot.At(snapshots).Prune(now)
	return told(m), err
}
