package verify

import (
	"bytes"
	"io/fs"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
)

// entry is a record as it was found.
type entry struct {
	seq  int64
	leaf tlog.Hash
	seg  int64 // the first record of its segment
	line int32
}

func (e entry) at(kind Kind) Problem {
	return Problem{Kind: kind, From: e.seq, To: e.seq, Segment: record.Segment(e.seg), Line: int(e.line)}
}

// readSegments reads every line of every segment.
func (v *verification) readSegments() {
	files, err := fs.ReadDir(v.fsys, ".")
	if err != nil {
		v.problem(Problem{Kind: Foreign}, "the folder cannot be read: %v", err)
		return
	}
	var firsts []int64
	for _, f := range files {
		if first, ok := record.ParseSegment(f.Name()); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	v.report.Segments = len(firsts)
	for i, first := range firsts {
		v.readSegment(first, i == len(firsts)-1)
	}
}

func (v *verification) readSegment(first int64, newest bool) {
	name := record.Segment(first)
	content, err := fs.ReadFile(v.fsys, name)
	if err != nil {
		v.problem(Problem{Kind: Foreign, Segment: name}, "%v", err)
		return
	}
	if len(v.found) > 0 && v.last() >= first {
		v.problem(Problem{Kind: Moved, Segment: name}, "the file should begin with record %d, but that stands in the file before", first)
	}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		whole, ended := bytes.CutSuffix(line, []byte("\n"))
		if !ended && newest {
			v.report.Unsigned++ // a write that was cut short; when it was signed it is missed below
			return
		}
		if !ended {
			v.problem(Problem{Kind: Edited, Segment: name, Line: number}, "the file is sealed, but its last line has no end")
		}
		v.readLine(first, number, whole)
	}
}

func (v *verification) readLine(first int64, number int, line []byte) {
	name := record.Segment(first)
	parsed, err := record.Decode(line)
	switch {
	case err != nil:
		v.problem(Problem{Kind: Edited, Segment: name, Line: number}, "%v", err)
	case parsed.Record == nil:
		v.addHead(parsed.Head, head{where: "the head among the records", seg: name, line: number, after: v.last()})
	default:
		if len(v.found) == 0 {
			v.report.First = parsed.Record.Time
		}
		v.report.Last = parsed.Record.Time
		v.report.Records++
		v.found = append(v.found, entry{seq: parsed.Record.Seq, leaf: tlog.RecordHash(line), seg: first, line: int32(number)}) // #nosec G115 -- lines of a file that was read whole
	}
}

// last returns the record that was read last, 0 if there is none.
func (v *verification) last() int64 {
	if len(v.found) == 0 {
		return 0
	}
	return v.found[len(v.found)-1].seq
}
