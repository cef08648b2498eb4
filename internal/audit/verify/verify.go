// Package verify judges a whole audit log: it reads the files and finds every record that was
// edited, dropped, moved, or cut off, as far as signed heads reach.
//
// What lives here: pure reading (an fs.FS, the public key, heads that were kept elsewhere). What
// does not: repairing (audit does that, for an unacknowledged end only), trust in the key: who took
// it from the log's own folder knows only that the log fits itself.
package verify

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
)

// Kind says what was done to the log.
type Kind string

// The kinds of problem.
const (
	Edited    Kind = "edited"     // a record or a head is not the one that was signed
	Dropped   Kind = "dropped"    // records are missing, and there are later ones
	Moved     Kind = "moved"      // records stand in another order, or twice
	Truncated Kind = "truncated"  // the log is shorter than a signed head says
	Forged    Kind = "forged"     // two signed heads contradict each other
	Missing   Kind = "missing"    // a file that every log has is not there
	Foreign   Kind = "unreadable" // a line that the log does not write, or a file that cannot be read
)

// Problem is one thing that is wrong.
type Problem struct {
	Kind    Kind
	From    int64  // the records it is about; 0 if it is about none
	To      int64  // the last of them
	Segment string // the file, if it is about one
	Line    int    // in that file, from 1; 0 for no line
	Text    string
}

func (p Problem) String() string {
	var b strings.Builder
	if p.Segment != "" {
		b.WriteString(p.Segment)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s", p.Kind, p.Text)
	return b.String()
}

// Report says what was looked at.
type Report struct {
	Records  int64 // in the files
	Signed   int64 // covered by the newest signed head
	Segments int
	Heads    int       // signed heads that were checked
	First    time.Time // of the first record
	Last     time.Time // of the last record
	Key      string    // the public key that was used
	// Unsigned counts the lines behind the newest head. A crash, or a log that is being written to,
	// leaves some: they were acknowledged to nobody, and the log cuts them off when it is opened.
	Unsigned int
	// Problems counts what is wrong; at most MaxProblems of them are told.
	Problems int
	// Own says that the key was the one in the folder: then the log fits itself, and no more is known.
	Own bool
	// Newest is the newest signed head, a note to keep elsewhere.
	Newest []byte
}

// Verify reads the log in fsys and returns what is wrong with it, in the order of the log; nothing
// if it is whole. key is the public key in the form of note.NewVerifier, empty for the one that is
// in the folder. known are signed heads that were kept elsewhere: the log must contain each.
func Verify(fsys fs.FS, key string, known ...[]byte) (Report, []Problem) {
	v := &verification{fsys: fsys}
	if !v.openKey(key) {
		return v.report, v.problems
	}
	v.readHeads(known)
	v.readSegments()
	v.judge()
	slices.SortStableFunc(v.problems, func(a, b Problem) int {
		if a.From != b.From && a.From > 0 && b.From > 0 {
			return int(min(max(a.From-b.From, -1), 1))
		}
		return 0
	})
	return v.report, v.problems
}

// verification is one run.
type verification struct {
	fsys     fs.FS
	key      note.Verifier
	found    []entry
	heads    []head
	most     int64 // records that the newest head stands for
	report   Report
	problems []Problem

	wanted int64  // the record whose line is wanted; 0 for none
	line   []byte // that line
}

// MaxProblems bounds what is told of a log in which nothing fits.
const MaxProblems = 1000

// head is a head whose signature is good, and where it was found.
type head struct {
	record.Head
	where string
	seg   string
	line  int
	after int64 // the record it stands behind; -1 if it stands in a file of its own
}

func (v *verification) problem(p Problem, format string, args ...any) {
	if v.report.Problems++; len(v.problems) == MaxProblems {
		return
	}
	p.Text = fmt.Sprintf(format, args...)
	v.problems = append(v.problems, p)
}

func (v *verification) openKey(key string) bool {
	if key == "" {
		b, err := readSome(v.fsys, record.PublicFile, 4<<10)
		if err != nil {
			v.problem(Problem{Kind: Missing, Segment: record.PublicFile}, "there is no public key to verify with: %v", err)
			return false
		}
		key, v.report.Own = string(b), true
	}
	key = strings.TrimSpace(key)
	k, err := note.NewVerifier(key)
	if err != nil {
		v.problem(Problem{Kind: Foreign, Segment: record.PublicFile}, "the public key cannot be read: %v", err)
		return false
	}
	v.key, v.report.Key = k, key
	return true
}

// readHeads reads the heads that stand outside of the segments.
func (v *verification) readHeads(known [][]byte) {
	content, err := readSome(v.fsys, record.HeadFile, record.HeadSize)
	if err != nil {
		v.problem(Problem{Kind: Missing, Segment: record.HeadFile}, "the newest signed head is not there: %v", err)
	} else {
		v.addHead(record.UnpadHead(content), head{where: "the newest head", seg: record.HeadFile, after: -1})
	}
	for i, signed := range known {
		v.addHead(signed, head{where: fmt.Sprintf("the head %d that was kept elsewhere", i+1), after: -1})
	}
}

func (v *verification) addHead(signed []byte, h head) {
	var err error
	if h.Head, err = record.OpenHead(signed, v.key); err != nil {
		v.problem(Problem{Kind: Edited, Segment: h.seg, Line: h.line}, "%s: %v", h.where, err)
		return
	}
	if v.report.Newest == nil || h.Size >= v.most {
		v.most, v.report.Newest = h.Size, signed
	}
	v.heads = append(v.heads, h)
	v.report.Heads++
}
