package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

func put(t testing.TB, s *Store, key, value string) {
	t.Helper()
	if _, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(key, []byte(value), 0)}}); err != nil {
		t.Fatal(err)
	}
}

func TestTheFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	put(t, s, "/a", "x")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 4 {
		t.Fatal(err, entries)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
}

func TestASecondOpenerIsToldWhoHasTheStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	_, err := Open(dir, Options{})
	if !errors.Is(err, fault.Conflict) || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d (local.test)", os.Getpid())) || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	shut(t, s)
	open(t, dir, Options{})
}

func TestADamagedFileIsNamedAndNotTouched(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"not a store":   func([]byte) []byte { return bytes.Repeat([]byte("hello "), 3000) },
		"cut":           func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
		"a page zeroed": func(b []byte) []byte { clear(b[len(b)-4096:]); return b },
		"header gone":   func(b []byte) []byte { clear(b[:100]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{})
			for i := range 100 {
				put(t, s, fmt.Sprintf("/a/%d", i), strings.Repeat("x", 500))
			}
			shut(t, s)
			path := filepath.Join(dir, fileName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b = damage(b)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(dir, Options{})
			if !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), path+" is damaged: ") || fault.HintOf(err) != "sudo hv store check, then sudo hv store restore" || fault.CodeOf(err) != CodeDamaged {
				t.Errorf("got %v (hint %q)", err, fault.HintOf(err))
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

func TestALostFileIsNotTakenForANewStore(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName+"-wal"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(path, "store"), Options{}); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

// fill puts values of size bytes until there is no room, and returns how many there are.
func fill(t *testing.T, s *Store, size int) (n int, full error) {
	t.Helper()
	value := bytes.Repeat([]byte("x"), size)
	for ; ; n++ {
		_, err := s.Commit(t.Context(), store.Txn{Then: []store.Op{store.PutOp(fmt.Sprintf("/a/%d", n), value, 0), store.PutOp(fmt.Sprintf("/b/%d", n), nil, 0)}})
		if err != nil {
			return n, err
		}
	}
}

// stillGood checks that a store that was full holds whole transactions only, and takes more once
// there is room.
func stillGood(t *testing.T, s *Store, n int) {
	t.Helper()
	page, err := s.List(t.Context(), "/", store.ListOptions{})
	if err != nil || len(page.KVs) != 2*n || page.Revision != int64(n) {
		t.Errorf("%d keys at %d after %d transactions, %v", len(page.KVs), page.Revision, n, err)
	}
}

func TestAFullStoreRefusesAndKeepsWhatItHas(t *testing.T) {
	dir := t.TempDir()
	opt := Options{MaxBytes: 2 << 20}
	s := open(t, dir, opt)
	n, err := fill(t, s, 100_000)
	if !errors.Is(err, fault.Exhausted) || !strings.Contains(err.Error(), s.path) || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	stillGood(t, s, n)
	// Small ones that wait together with one that finds no room are done.
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			size := 10
			if i%4 == 0 {
				size = 900_000
			}
			_, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(fmt.Sprintf("/c/%d", i), bytes.Repeat([]byte("x"), size), 0)}})
			if (err == nil) != (size == 10) {
				t.Errorf("%d bytes: %v", size, err)
			}
		})
	}
	wg.Wait()
	if _, err := s.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeletePrefixOp("/a/")}}); err != nil {
		t.Errorf("deleting from a full store: %v", err)
	}
	for i := range 5 { // what was deleted makes room, once it is no longer kept as history
		put(t, s, fmt.Sprintf("/d/%d", i), strings.Repeat("x", 100_000))
	}
	shut(t, s)
	s = open(t, dir, opt)
	if page, err := s.List(t.Context(), "/a/", store.ListOptions{}); err != nil || len(page.KVs) != 0 {
		t.Errorf("%d keys, %v", len(page.KVs), err)
	}
}

func TestTheHistoryStaysWithinItsBounds(t *testing.T) {
	rows := func(s *Store) (n, bytes int64) {
		err := s.writer.conn.QueryRowContext(t.Context(), "SELECT count(*), sum(length(value)) FROM history").Scan(&n, &bytes)
		if err != nil {
			t.Fatal(err)
		}
		return n, bytes
	}
	t.Run("by revisions", func(t *testing.T) {
		s := open(t, t.TempDir(), Options{History: 40})
		for i := range 500 {
			put(t, s, "/a", fmt.Sprint(i))
		}
		shut(t, s) // the writer is at rest
		s = open(t, filepath.Dir(s.path), Options{History: 40})
		if n, _ := rows(s); n < 40 || n > 60 {
			t.Errorf("%d rows are left of 500", n)
		}
		if _, err := s.Watch(t.Context(), "/a", 470); err != nil {
			t.Errorf("a watch from within the history: %v", err)
		}
		if _, err := s.Watch(t.Context(), "/a", 400); !errors.Is(err, fault.Precondition) {
			t.Errorf("a watch from before: %v", err)
		}
	})
	t.Run("by bytes", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, Options{HistoryBytes: 1 << 20})
		value := strings.Repeat("x", 50_000)
		for range 150 {
			put(t, s, "/a", value)
		}
		shut(t, s)
		s = open(t, dir, Options{HistoryBytes: 1 << 20})
		if _, bytes := rows(s); bytes > 2<<20 {
			t.Errorf("%d bytes are left of 7.5 MB", bytes)
		}
		if s.writer.dead > 2<<20 {
			t.Errorf("%d dead bytes are counted", s.writer.dead)
		}
	})
}

func TestAWatcherThatSleepsThroughACompactionIsToldSo(t *testing.T) {
	s := open(t, t.TempDir(), Options{History: 10})
	w, err := s.Watch(t.Context(), "/a", 0)
	if err != nil {
		t.Fatal(err)
	}
	value := strings.Repeat("x", 100_000) // more in all than the hub keeps in memory
	for range 200 {
		put(t, s, "/a", value)
	}
	last := int64(0)
	for b := range w.Events() {
		if b.Revision != last+1 {
			t.Fatalf("revision %d follows %d", b.Revision, last)
		}
		last = b.Revision
	}
	if _, ok := errors.AsType[*store.Compacted](w.Err()); !ok {
		t.Errorf("after revision %d: %v", last, w.Err())
	}
}

func TestTheWriteAheadLogIsCutWhileTheStoreRuns(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	value := strings.Repeat("x", 1_000_000)
	for i := range 20 {
		put(t, s, fmt.Sprintf("/a/%d", i%3), value)
	}
	s.writer.wal.checkpoint()
	if n := s.writer.wal.pages.Load(); n != 0 {
		t.Errorf("%d pages are left", n)
	}
	before := size(t, s.path+"-wal")
	for i := range 10 {
		put(t, s, fmt.Sprintf("/a/%d", i%3), value)
	}
	if after := size(t, s.path+"-wal"); after > before {
		t.Errorf("the log grew from %d to %d bytes instead of starting again", before, after)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
