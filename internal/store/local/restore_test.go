package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
	"github.com/hyper-nixos/hyper-nixos/model/upkeep"
)

func web(n int) string { return fmt.Sprintf("/hv/v1/vm/default/web-%d", n) }

// host is a store with its snapshots.
func host(t *testing.T) (s *Store, dir, kept string) {
	t.Helper()
	dir, kept = filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "snapshots")
	return open(t, dir, Options{Snapshots: kept}), dir, kept
}

func take(t *testing.T, s *Store, at time.Time) snapshot.Manifest {
	t.Helper()
	m, err := s.Snapshot(t.Context(), snapshot.Asked, at)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestASnapshotIsTakenBesideTheWriterAndIsOneRevision(t *testing.T) {
	s, _, kept := host(t)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for g := range 3 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				value := fmt.Appendf(nil, "%d", i)
				_, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(key("a", g), value, 0), store.PutOp(key("b", g), value, 0)}})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	begin := time.Now()
	var all []snapshot.Manifest
	for i := range 5 {
		all = append(all, take(t, s, begin.Add(time.Duration(i)*time.Second)))
	}
	close(stop)
	writers.Wait()
	last := int64(0)
	for _, m := range all {
		if m.Revision < last {
			t.Errorf("revision %d after %d", m.Revision, last)
		}
		last = m.Revision
		dir := t.TempDir()
		if err := copyFile(snapshot.At(kept).Path(m.Name), filepath.Join(dir, fileName)); err != nil {
			t.Fatal(err)
		}
		old := open(t, dir, Options{})
		for g := range 3 {
			if a, b := numberOf(old, key("a", g)), numberOf(old, key("b", g)); a != b {
				t.Errorf("a transaction was cut: %d and %d", a, b)
			}
		}
	}
}

func TestSnapshotsAreTakenWhenTheyAreDue(t *testing.T) {
	s, _, kept := host(t)
	put(t, s, web(1), `{}`)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	taken, w := io.Pipe()
	go func() {
		defer close(done)
		s.KeepSnapshots(ctx, snapshot.Hourly, slog.New(slog.NewTextHandler(w, nil)))
	}()
	line := make([]byte, 4096)
	if n, err := taken.Read(line); err != nil || !strings.Contains(string(line[:n]), "reason=start") {
		t.Errorf("%s %v", line, err)
	}
	stop()
	_ = taken.Close()
	<-done
	all, _, err := snapshot.At(kept).List()
	if err != nil || len(all) != 1 || all[0].Reason != snapshot.Start || all[0].Keys != 1 {
		t.Errorf("%+v %v", all, err)
	}
}

func TestWhatIsLostIsToldBeforeItIsLost(t *testing.T) {
	s, dir, kept := host(t)
	for i := range 4 {
		put(t, s, web(i), `{"n":1}`)
	}
	m := take(t, s, time.Now())
	put(t, s, web(1), `{"n":2}`)
	put(t, s, web(9), `{}`)
	put(t, s, "/hv/v1/operation/default/7f3a", `{}`)
	if _, err := s.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeleteOp(web(2))}}); err != nil {
		t.Fatal(err)
	}
	_, err := Restore(t.Context(), dir, kept, "", true, time.Now())
	if !errors.Is(err, fault.Conflict) || fault.CodeOf(err) != CodeInUse || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("while it is in use: %v", err)
	}
	shut(t, s)
	before := content(t, dir)
	got, err := Restore(t.Context(), dir, kept, "", false, time.Now())
	if err != nil || got.Done || !got.Readable || got.Revision != 8 || got.Snapshot.Name != m.Name || got.Snapshot.Revision != 4 {
		t.Fatalf("%+v %v", got, err)
	}
	want := []upkeep.Change{
		{Kind: "vm", Project: "default", Name: "web-1", What: upkeep.Older},
		{Kind: "vm", Project: "default", Name: "web-2", What: upkeep.Again},
		{Kind: "vm", Project: "default", Name: "web-9", What: upkeep.Lost},
	}
	if !slices.Equal(got.Changes, want) {
		t.Errorf("%+v", got.Changes)
	}
	same(t, before, content(t, dir))
}

func TestARestoredStoreIsTheSnapshotWithRevisionsThatNobodyHasSeen(t *testing.T) {
	s, dir, kept := host(t)
	put(t, s, web(1), `{"n":1}`)
	lease, err := s.Grant(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	m := take(t, s, time.Now())
	put(t, s, web(2), `{}`)
	shut(t, s)
	damaged := []byte(strings.Repeat("damage ", 1000))
	if err := os.WriteFile(filepath.Join(dir, fileName), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Snapshots: kept}); fault.CodeOf(err) != CodeDamaged {
		t.Fatalf("got %v", err)
	}
	got, err := Restore(t.Context(), dir, kept, "", true, time.Unix(1e9, 0))
	if err != nil || !got.Done || got.Readable || got.Problem == "" || len(got.Changes) != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	if b, err := os.ReadFile(filepath.Join(got.Aside, fileName)); err != nil || !bytes.Equal(b, damaged) {
		t.Errorf("the damaged one was not kept: %v", err)
	}
	s = open(t, dir, Options{Snapshots: kept})
	page, err := s.List(t.Context(), "/", store.ListOptions{})
	if err != nil || len(page.KVs) != 1 || string(page.KVs[0].Value) != `{"n":1}` || page.Revision != m.Revision+ahead {
		t.Errorf("%+v %v", page, err)
	}
	if _, err := s.Watch(t.Context(), "/", m.Revision+1); !errors.Is(err, fault.Precondition) {
		t.Errorf("a watch from a revision of before: %v", err)
	}
	if next, err := s.Grant(t.Context(), time.Hour); err != nil || next <= lease+1 {
		t.Errorf("lease %d after %d, %v", next, lease, err)
	}
	if at := s.Restored(); at.Unix() != 1e9 {
		t.Errorf("restored at %s", at)
	}
	if err := s.NoteRestored(t.Context()); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	s = open(t, dir, Options{Snapshots: kept})
	if !s.Restored().IsZero() {
		t.Error("it is told twice")
	}
	put(t, s, web(3), `{}`)
}

// Whatever of a restore a crash has left, the store is not opened, and the same command finishes it.
func TestARestoreThatIsCutOffAnywhereIsFinishedByTheNext(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(dir string) error
	}{
		{"before the first move", func(string) error { return nil }},
		{"after the old file went", func(dir string) error { return os.Remove(filepath.Join(dir, fileName)) }},
		{"with the old log left", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, fileName)), os.WriteFile(filepath.Join(dir, fileName+"-wal"), []byte("old"), 0o600))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, dir, kept := host(t)
			put(t, s, web(1), `{}`)
			take(t, s, time.Now())
			put(t, s, web(2), `{}`)
			shut(t, s)
			if err := errors.Join(os.WriteFile(filepath.Join(dir, restoring), nil, 0o600), c.cut(dir)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, Options{Snapshots: kept}); fault.CodeOf(err) != CodeDamaged || !strings.Contains(err.Error(), "cut off") {
				t.Fatalf("got %v", err)
			}
			if got, err := Check(t.Context(), dir, kept); err != nil || got.Condition != upkeep.Interrupted {
				t.Errorf("%+v %v", got, err)
			}
			if _, err := Restore(t.Context(), dir, kept, "", true, time.Now()); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, Options{Snapshots: kept})
			if page, err := s.List(t.Context(), "/", store.ListOptions{}); err != nil || len(page.KVs) != 1 {
				t.Errorf("%d keys, %v", len(page.KVs), err)
			}
		})
	}
}

func TestALostStoreIsNotReplacedByAnEmptyOneWhileThereAreSnapshots(t *testing.T) {
	s, dir, kept := host(t)
	put(t, s, web(1), `{}`)
	take(t, s, time.Now())
	shut(t, s)
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Snapshots: kept}); fault.CodeOf(err) != CodeDamaged || !strings.Contains(err.Error(), "missing") {
		t.Fatalf("got %v", err)
	}
	if got, err := Check(t.Context(), dir, kept); err != nil || got.Condition != upkeep.Missing || got.Snapshots != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := Restore(t.Context(), dir, kept, "", true, time.Now()); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{Snapshots: kept})
}

func TestADamagedSnapshotIsPassedOverAndNotPutBackByName(t *testing.T) {
	s, dir, kept := host(t)
	put(t, s, web(1), `{}`)
	good := take(t, s, time.Now().Add(-time.Hour))
	put(t, s, web(2), `{}`)
	bad := take(t, s, time.Now())
	shut(t, s)
	if err := os.Truncate(snapshot.At(kept).Path(bad.Name), bad.Bytes-1); err != nil {
		t.Fatal(err)
	}
	if got, err := Restore(t.Context(), dir, kept, "", false, time.Now()); err != nil || got.Snapshot.Name != good.Name {
		t.Errorf("%+v %v", got, err)
	}
	for name, kind := range map[string]fault.Kind{bad.Name: fault.Unreadable, "20200101T000000Z-1": fault.NotFound, "../x": fault.Invalid} {
		before := content(t, dir)
		if _, err := Restore(t.Context(), dir, kept, name, true, time.Now()); fault.KindOf(err) != kind || fault.CodeOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		same(t, before, content(t, dir))
	}
	list, err := Snapshots(t.Context(), kept)
	if err != nil || len(list) != 2 || list[0].Problem != "" || list[1].Problem == "" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestACheckFindsWhatIsWrongAndTouchesNothing(t *testing.T) {
	t.Run("whole, in use", func(t *testing.T) {
		s, dir, kept := host(t)
		put(t, s, web(1), `{}`)
		take(t, s, time.Now())
		got, err := Check(t.Context(), dir, kept)
		if err != nil || got.Condition != upkeep.Whole || got.Revision != 1 || got.Keys != 1 || !strings.Contains(got.InUse, fmt.Sprint(os.Getpid())) || got.Newest == nil {
			t.Errorf("%+v %v", got, err)
		}
		put(t, s, web(2), `{}`) // and it goes on
	})
	for name, c := range map[string]struct {
		change string
		want   string
	}{
		"whole after a crash": {"", ""},
		"a value":             {"UPDATE history SET value = CAST('{\"n\":' AS BLOB) WHERE key = '" + web(7) + "' AND superseded = 9223372036854775807", "web-7"},
		"two values": {"INSERT INTO history SELECT id + 1000, key, superseded, created, version, lease, value FROM history WHERE key = '" +
			web(7) + "'", "holds two values"},
		"an index": {"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'lease <> 0', 'lease = 0') WHERE name = 'leased'", "leased"},
		"no store": {"DROP TABLE lease", "it holds no store"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := crashed(t, c.change)
			before := content(t, dir)
			got, err := Check(t.Context(), dir, filepath.Join(dir, "none"))
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" && got.Condition != upkeep.Whole || c.want != "" && (got.Condition != upkeep.Damaged || !strings.Contains(fmt.Sprint(got.Problems), c.want)) {
				t.Errorf("%+v", got)
			}
			same(t, before, content(t, dir))
		})
	}
}
