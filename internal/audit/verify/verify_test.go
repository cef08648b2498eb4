package verify_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
)

// log writes n records in segments of a few each and returns the files, and the head as it was
// after half of them.
func log(t *testing.T, n int) (fstest.MapFS, []byte) {
	t.Helper()
	dir := t.TempDir()
	l, err := audit.Open(dir, audit.Options{SegmentBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	var half []byte
	for i := range n {
		if i == n/2 {
			half = l.Head()
		}
		r := audit.Record{Time: time.Unix(int64(i), 0), Actor: audit.Actor{UID: 7, User: "ada"}, Action: "vm.start", Target: fmt.Sprintf("vm web-%d", i+1), Phase: audit.Intent}
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = &fstest.MapFile{Data: b}
	}
	return files, half
}

func clone(m fstest.MapFS) fstest.MapFS {
	c := fstest.MapFS{}
	for name, f := range m {
		c[name] = &fstest.MapFile{Data: bytes.Clone(f.Data)}
	}
	return c
}

// segments returns the names of the segment files in order.
func segments(m fstest.MapFS) []string {
	names, _ := fs.Glob(m, "*.jsonl")
	slices.Sort(names)
	return names
}

// lines gives every line of the log to change, which returns the lines to put in its place.
func lines(m fstest.MapFS, change func(seq int64, line string) []string) {
	for _, name := range segments(m) {
		var out []string
		for line := range strings.Lines(string(m[name].Data)) {
			line = strings.TrimSuffix(line, "\n")
			parsed, err := record.Decode([]byte(line))
			if err != nil || parsed.Record == nil {
				out = append(out, line)
				continue
			}
			out = append(out, change(parsed.Record.Seq, line)...)
		}
		m[name].Data = []byte(strings.Join(out, "\n") + "\n")
	}
}

func line(m fstest.MapFS, seq int64) (found string) {
	lines(m, func(s int64, l string) []string {
		if s == seq {
			found = l
		}
		return []string{l}
	})
	return found
}

func replace(m fstest.MapFS, seq int64, with ...string) {
	lines(m, func(s int64, l string) []string {
		if s == seq {
			return with
		}
		return []string{l}
	})
}

func TestALogThatNobodyTouchedIsWhole(t *testing.T) {
	for _, n := range []int{0, 1, 2, 31} {
		m, _ := log(t, n)
		report, problems := verify.Verify(m, "")
		if len(problems) > 0 || report.Records != int64(n) || report.Signed != int64(n) {
			t.Errorf("%d records: %+v, %v", n, report, problems)
		}
	}
}

// Each tampering is tried with the stored hashes in place, and without them.
func TestEveryTamperingIsFound(t *testing.T) {
	whole, half := log(t, 30)
	for _, c := range []struct {
		name   string
		change func(fstest.MapFS)
		kind   verify.Kind
		text   string // with stored hashes
		blind  string // without; the same if empty
	}{
		{"edited", func(m fstest.MapFS) { replace(m, 7, strings.Replace(line(m, 7), "ada", "eve", 1)) },
			verify.Edited, "record 7 is not the one that was signed", "a record from 7 to 7 is not the one"},
		{"edited newest", func(m fstest.MapFS) { replace(m, 30, strings.Replace(line(m, 30), "ada", "eve", 1)) },
			verify.Edited, "record 30 is not the one that was signed", "a record from 30 to 30"},
		{"dropped", func(m fstest.MapFS) { replace(m, 8) }, verify.Dropped, "record 8 is not there", ""},
		{"several dropped", func(m fstest.MapFS) { replace(m, 8); replace(m, 9); replace(m, 10) }, verify.Dropped, "records 8 to 10 are not there", ""},
		{"first dropped", func(m fstest.MapFS) { replace(m, 1) }, verify.Dropped, "record 1 is not there", ""},
		{"segment dropped", func(m fstest.MapFS) { delete(m, segments(m)[1]) }, verify.Dropped, "are not there", ""},
		{"reordered", func(m fstest.MapFS) {
			a, b := line(m, 12), line(m, 13)
			replace(m, 12, "x")
			replace(m, 13, a)
			lines(m, func(_ int64, l string) []string { return []string{l} })
			for _, name := range segments(m) {
				m[name].Data = bytes.Replace(m[name].Data, []byte("x\n"), []byte(b+"\n"), 1)
			}
		}, verify.Moved, "record 12 stands behind record 13", ""},
		{"repeated", func(m fstest.MapFS) { l := line(m, 5); replace(m, 5, l, l) }, verify.Moved, "record 5 is there twice", ""},
		{"renumbered", func(m fstest.MapFS) {
			a, b := line(m, 12), line(m, 13)
			replace(m, 12, "x")
			replace(m, 13, strings.Replace(a, `"seq":12`, `"seq":13`, 1))
			for _, name := range segments(m) {
				m[name].Data = bytes.Replace(m[name].Data, []byte("x\n"), []byte(strings.Replace(b, `"seq":13`, `"seq":12`, 1)+"\n"), 1)
			}
		}, verify.Edited, "record 12 is not the one that was signed", "a record from 12 to 12"},
		{"inserted", func(m fstest.MapFS) {
			l := line(m, 12)
			replace(m, 12, strings.Replace(l, "ada", "eve", 1), l)
		}, verify.Moved, "record 12 is there twice", ""},
		{"truncated in the last segment", func(m fstest.MapFS) {
			last := segments(m)[len(segments(m))-1]
			m[last].Data = m[last].Data[:bytes.LastIndex(m[last].Data, []byte(`{"seq"`))]
		}, verify.Truncated, "the log ends at record 29, but a head for 30 records was signed", ""},
		{"truncated by a segment", func(m fstest.MapFS) { delete(m, segments(m)[len(segments(m))-1]) },
			verify.Truncated, "but a head for 30 records was signed", ""},
		{"all gone", func(m fstest.MapFS) {
			for _, name := range segments(m) {
				delete(m, name)
			}
		}, verify.Truncated, "the log ends at record 0, but a head for 30 records was signed", ""},
		{"last head dropped", func(m fstest.MapFS) {
			last := segments(m)[len(segments(m))-1]
			m[last].Data = m[last].Data[:bytes.LastIndex(m[last].Data, []byte(`{"head"`))]
		}, verify.Truncated, "the signed head behind record 30 is not there", ""},
		{"head forged", func(m fstest.MapFS) {
			first := segments(m)[0]
			m[first].Data = bytes.Replace(m[first].Data, []byte(`audit\n1\n`), []byte(`audit\n2\n`), 1)
		}, verify.Edited, "the signed head is not one of the key", ""},
		{"head moved", func(m fstest.MapFS) {
			first := segments(m)[0]
			l := bytes.SplitAfter(m[first].Data, []byte("\n"))
			l[1], l[3] = l[3], l[1]
			m[first].Data = bytes.Join(l, nil)
		}, verify.Moved, "the head of 2 records stands behind record 1", ""},
		{"newest head removed", func(m fstest.MapFS) { delete(m, record.HeadFile) }, verify.Missing, "newest signed head is not there", ""},
		{"newest head blanked", func(m fstest.MapFS) { clear(m[record.HeadFile].Data) }, verify.Edited, "the newest head", ""},
		{"a line that says nothing", func(m fstest.MapFS) { replace(m, 3, line(m, 3), `{"note":"hi"}`) }, verify.Edited, "no line of an audit log", ""},
		{"spelt differently", func(m fstest.MapFS) { replace(m, 3, strings.Replace(line(m, 3), `{"seq":3,`, `{"seq": 3,`, 1)) },
			verify.Edited, "not written as the log writes", ""},
	} {
		for _, blind := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/hashes lost %v", c.name, blind), func(t *testing.T) {
				m := clone(whole)
				c.change(m)
				want := c.text
				if blind {
					delete(m, record.HashFile)
					want = cmpOr(c.blind, c.text)
				}
				_, problems := verify.Verify(m, "", half)
				if !slices.ContainsFunc(problems, func(p verify.Problem) bool { return p.Kind == c.kind && strings.Contains(p.Text, want) }) {
					t.Errorf("want %s: %q, got %v", c.kind, want, problems)
				}
			})
		}
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestSeveralTamperingsAreAllFound(t *testing.T) {
	m, _ := log(t, 30)
	replace(m, 3, strings.Replace(line(m, 3), "ada", "eve", 1))
	replace(m, 9)
	replace(m, 20, strings.Replace(line(m, 20), "ada", "eve", 1))
	_, problems := verify.Verify(m, "")
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s %d", p.Kind, p.From))
	}
	if want := []string{"edited 3", "dropped 9", "edited 20"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Who can write every file and has kept an old copy can put it back; only a head that was kept
// elsewhere tells.
func TestAnOlderCopyIsFoundByAHeadKeptElsewhere(t *testing.T) {
	dir := t.TempDir()
	open := func() *audit.Log {
		l, err := audit.Open(dir, audit.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	add := func(l *audit.Log) {
		if _, err := l.Append(t.Context(), audit.Record{Time: time.Unix(1, 0), Action: "x", Phase: audit.Note}); err != nil {
			t.Fatal(err)
		}
	}
	l := open()
	add(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	l = open()
	add(l)
	kept, key := l.Head(), l.Key()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, problems := verify.Verify(os.DirFS(old), key); len(problems) > 0 {
		t.Errorf("the old copy fits itself, and yet: %v", problems)
	}
	_, problems := verify.Verify(os.DirFS(old), key, kept)
	if len(problems) != 1 || problems[0].Kind != verify.Truncated {
		t.Errorf("got %v", problems)
	}
}

func TestALogSignedByAnotherKeyIsNotWhole(t *testing.T) {
	a, _ := log(t, 3)
	b, _ := log(t, 3)
	_, problems := verify.Verify(a, string(b[record.PublicFile].Data))
	if len(problems) == 0 {
		t.Error("nothing found")
	}
}

func TestAnUnfinishedEndIsCountedAndNoProblem(t *testing.T) {
	m, _ := log(t, 3)
	last := segments(m)[0]
	m[last].Data = append(m[last].Data, `{"seq":4,"time":`...)
	report, problems := verify.Verify(m, "")
	if report.Unsigned != 1 || len(problems) > 0 {
		t.Errorf("%+v, %v", report, problems)
	}
}

func TestWithoutAKeyNothingIsSaidToBeWhole(t *testing.T) {
	_, problems := verify.Verify(fstest.MapFS{}, "")
	if len(problems) != 1 || problems[0].Kind != verify.Missing {
		t.Errorf("got %v", problems)
	}
}

// Whatever byte of the segments is changed, something is found.
func TestNoByteCanBeChangedUnseen(t *testing.T) {
	whole, _ := log(t, 12)
	rapid.Check(t, func(t *rapid.T) {
		m := clone(whole)
		f := m[rapid.SampledFrom(segments(m)).Draw(t, "segment")]
		i := rapid.IntRange(0, len(f.Data)-1).Draw(t, "byte")
		if rapid.Bool().Draw(t, "hashes lost") {
			delete(m, record.HashFile)
		}
		switch rapid.SampledFrom([]string{"flip", "cut", "double"}).Draw(t, "how") {
		case "flip":
			f.Data[i] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		case "cut":
			f.Data = append(f.Data[:i:i], f.Data[i+1:]...)
		case "double":
			f.Data = append(f.Data[:i+1:i+1], f.Data[i:]...)
		}
		if report, problems := verify.Verify(m, ""); len(problems) == 0 {
			t.Fatalf("nothing found; %+v", report)
		}
	})
}

// The tree of verify and the one of tlog are written by different people.
func TestTheTreeIsTheOneOfTlog(t *testing.T) {
	m, _ := log(t, 31)
	hashes := m[record.HashFile].Data
	for n := int64(1); n <= 31; n++ {
		root, err := tlog.TreeHash(n, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(at))
			for i, a := range at {
				copy(out[i][:], hashes[a*tlog.HashSize:])
			}
			return out, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`audit\n%d\n%s\n`, n, root)
		if !slices.ContainsFunc(segments(m), func(s string) bool { return bytes.Contains(m[s].Data, []byte(want)) }) {
			t.Errorf("no head says %s", want)
		}
	}
}
