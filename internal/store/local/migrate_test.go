package local

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
)

var record = flag.Bool("record", false, "write a file of the present form into testdata: once for each form, before the next is made")

// formFile is a store as the program of that form has left it. What is in it stands in fillForm.
func formFile(form int64) string { return fmt.Sprintf("testdata/schema-%d.db.gz", form) }

// fillForm is what the recorded stores hold: values, one of them overwritten, one deleted, one under a lease.
func fillForm(t *testing.T, s *Store) {
	t.Helper()
	for i := range 20 {
		put(t, s, fmt.Sprintf("/hv/v1/vm/default/web-%d", i), fmt.Sprintf(`{"n":%d}`, i))
	}
	put(t, s, "/hv/v1/vm/default/web-3", `{"n":33}`)
	lease, err := s.Grant(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []store.Op{store.DeleteOp("/hv/v1/vm/default/web-4"), store.PutOp("/hv/v1/lock", []byte(`"x"`), lease)} {
		if _, err := s.Commit(t.Context(), store.Txn{Then: []store.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
}

func checkForm(t *testing.T, s *Store) {
	t.Helper()
	page, err := s.List(t.Context(), "/hv/v1/", store.ListOptions{})
	if err != nil || len(page.KVs) != 20 || page.Revision != 23 {
		t.Fatalf("%d keys at revision %d, %v", len(page.KVs), page.Revision, err)
	}
	kv, err := s.Get(t.Context(), "/hv/v1/vm/default/web-3")
	if err != nil || string(kv.Value) != `{"n":33}` || kv.Version != 2 || kv.ModRevision != 21 || kv.CreateRevision != 4 {
		t.Errorf("%+v %v", kv, err)
	}
	if kv, err := s.Get(t.Context(), "/hv/v1/lock"); err != nil || kv.Lease != 1 {
		t.Errorf("%+v %v", kv, err)
	}
}

// unpack puts a recorded store into a folder.
func unpack(t *testing.T, form int64) (dir string) {
	t.Helper()
	f, err := os.Open(formFile(form))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.LimitReader(z, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestARecordOfThePresentFormIsKept(t *testing.T) {
	now := int64(len(migrations)) + 1
	if !*record {
		if _, err := os.Stat(formFile(now)); err != nil {
			t.Errorf("%v: go test ./internal/store/local -run Record -record", err)
		}
		return
	}
	dir := t.TempDir()
	s := open(t, dir, Options{})
	fillForm(t, s)
	shut(t, s)
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), os.MkdirAll("testdata", 0o755), os.WriteFile(formFile(now), []byte(out.String()), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// A new file has the form that the migrations lead to.
func TestANewStoreHasTheNewestForm(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	shut(t, s)
	if f, err := inspect(t.Context(), s.path, 99); err != nil || f.schema != s.known() {
		t.Errorf("%+v %v", f, err)
	}
}

func TestEveryFormThatThereEverWasIsOpened(t *testing.T) {
	for form := int64(1); form <= int64(len(migrations))+1; form++ {
		t.Run(fmt.Sprint(form), func(t *testing.T) {
			checkForm(t, open(t, unpack(t, form), Options{}))
		})
	}
}

// note and fill are two steps as they could come: they change the form and the values.
func note(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, "ALTER TABLE history ADD COLUMN note TEXT NOT NULL DEFAULT ''")
	return err
}

func fillNotes(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, "UPDATE history SET note = 'from ' || key")
	return err
}

func openForm(t *testing.T, dir string, opt Options, steps ...migration) (*Store, error) {
	t.Helper()
	s, err := openWith(dir, opt, steps)
	if err == nil {
		t.Cleanup(func() { shut(t, s) })
	}
	return s, err
}

func TestAnOlderFormIsBroughtToTheNewOneWithASnapshotOfTheOld(t *testing.T) {
	dir, kept := unpack(t, 1), t.TempDir()
	s, err := openForm(t, dir, Options{Snapshots: kept}, note, fillNotes)
	if err != nil {
		t.Fatal(err)
	}
	checkForm(t, s)
	put(t, s, "/hv/v1/vm/default/new", `{}`)
	var notes int
	if err := s.writer.conn.QueryRowContext(t.Context(), "SELECT count(*) FROM history WHERE note = 'from ' || key").Scan(&notes); err != nil || notes != 23 {
		t.Errorf("%d rows were migrated, %v", notes, err)
	}
	shut(t, s)
	all, _, err := snapshot.At(kept).List()
	if err != nil || len(all) != 1 || all[0].Reason != snapshot.Migration || all[0].Schema != 1 || all[0].Revision != 23 {
		t.Fatalf("%+v %v", all, err)
	}
	t.Run("and stays", func(t *testing.T) {
		if f, err := inspect(t.Context(), filepath.Join(dir, fileName), 3); err != nil || f.schema != 3 {
			t.Errorf("%+v %v", f, err)
		}
	})
	t.Run("and the older program can go back to the snapshot", func(t *testing.T) {
		if _, err := Open(dir, Options{Snapshots: kept}); fault.CodeOf(err) != CodeNewer {
			t.Fatalf("got %v", err)
		}
		if _, err := Restore(t.Context(), dir, kept, all[0].Name, true, time.Now()); err != nil {
			t.Fatal(err)
		}
		old := open(t, dir, Options{Snapshots: kept})
		if page, err := old.List(t.Context(), "/hv/v1/", store.ListOptions{}); err != nil || len(page.KVs) != 20 {
			t.Errorf("%d keys, %v", len(page.KVs), err)
		}
	})
}

func TestAMigrationThatFailsLeavesTheOldForm(t *testing.T) {
	dir := unpack(t, 1)
	broken := func(ctx context.Context, c *sql.Conn) error {
		return errors.Join(fillNotes(ctx, c), errors.New("a mistake"))
	}
	_, err := openForm(t, dir, Options{}, note, broken)
	if err == nil || !strings.Contains(err.Error(), "from form 2 to 3") || !strings.Contains(err.Error(), "a mistake") {
		t.Errorf("got %v", err)
	}
	if f, err := inspect(t.Context(), filepath.Join(dir, fileName), 9); err != nil || f.schema != 2 {
		t.Errorf("%+v %v", f, err)
	}
	s, err := openForm(t, dir, Options{}, note, fillNotes)
	if err != nil {
		t.Fatal(err)
	}
	checkForm(t, s)
}

func TestWithoutASnapshotOfItAnOlderFormIsLeftAlone(t *testing.T) {
	dir := unpack(t, 1)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := content(t, dir)
	if _, err := openForm(t, dir, Options{Snapshots: filepath.Join(file, "none")}, note); err == nil {
		t.Fatal("it was opened")
	}
	same(t, before, content(t, dir))
}

// content is every file of a store that says something; the index of the write-ahead log is made anew by
// whoever reads that.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{fileName, fileName + "-wal"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			all[name] = string(b)
		}
	}
	return all
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for _, name := range []string{fileName, fileName + "-wal"} {
		if before[name] != after[name] {
			t.Errorf("%s was changed: %d bytes were there and %d are", name, len(before[name]), len(after[name]))
		}
	}
}

// crashed is a store whose program was killed: its last commits are in the write-ahead log alone.
func crashed(t *testing.T, change string) (dir string) {
	t.Helper()
	s := open(t, t.TempDir(), Options{})
	fillForm(t, s)
	if change != "" {
		if _, err := s.writer.conn.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	dir = t.TempDir()
	for name, b := range content(t, filepath.Dir(s.path)) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAStoreOfANewerVersionIsRefusedAndNotTouched(t *testing.T) {
	dir := crashed(t, "UPDATE meta SET value = 7 WHERE name = 'schema'")
	before := content(t, dir)
	if len(before) != 2 || before[fileName+"-wal"] == "" {
		t.Fatal("there is no write-ahead log: nothing is shown")
	}
	_, err := Open(dir, Options{})
	if !errors.Is(err, fault.Precondition) || fault.CodeOf(err) != CodeNewer || fault.HintOf(err) == "" ||
		!strings.Contains(err.Error(), "written by a newer version of this program (schema 7, known here: 1)") {
		t.Errorf("got %v", err)
	}
	same(t, before, content(t, dir))
}
