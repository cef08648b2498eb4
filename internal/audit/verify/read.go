package verify

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
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
	firsts, err := segments(v.fsys)
	if err != nil {
		v.problem(Problem{Kind: Foreign}, "the folder cannot be read: %v", err)
		return
	}
	v.report.Segments = len(firsts)
	for i, first := range firsts {
		v.readSegment(first, i == len(firsts)-1)
	}
}

// segments returns the first record of each segment, in order.
func segments(fsys fs.FS) ([]int64, error) {
	files, err := fs.ReadDir(fsys, ".")
	var firsts []int64
	for _, f := range files {
		if first, ok := record.ParseSegment(f.Name()); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, err
}

func (v *verification) readSegment(first int64, newest bool) {
	name := record.Segment(first)
	if len(v.found) > 0 && v.last() >= first {
		v.problem(Problem{Kind: Moved, Segment: name}, "the file should begin with record %d, but that stands in the file before", first)
	}
	err := eachLine(v.fsys, name, func(number int, line []byte, ended bool) {
		if !ended && newest {
			v.report.Unsigned++ // a write that was cut short; when it was signed it is missed below
			return
		}
		if !ended {
			v.problem(Problem{Kind: Edited, Segment: name, Line: number}, "the file is sealed, but its last line has no end")
		}
		v.readLine(first, number, line)
	})
	if err != nil {
		v.problem(Problem{Kind: Foreign, Segment: name}, "%v", err)
	}
}

// eachLine hands over each line of a file, without its newline; ended is false for a last one that has none.
// The line is the caller's until it returns. No more than one line is in memory: one that is too long ends it.
func eachLine(fsys fs.FS, name string, do func(number int, line []byte, ended bool)) error {
	f, err := openPlain(fsys, name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewReaderSize(f, record.MaxLine+1)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d has more than %d bytes: the log writes none that long", number, record.MaxLine)
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		whole, ended := bytes.CutSuffix(line, []byte("\n"))
		do(number, whole, ended)
	}
}

// openPlain opens a regular file: no link that leads elsewhere, no pipe that would be waited for.
func openPlain(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Lstat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	return fsys.Open(name)
}

// readSome reads a file of at most most bytes; of a longer one it is no error that the rest is left.
func readSome(fsys fs.FS, name string, most int64) ([]byte, error) {
	f, err := openPlain(fsys, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, most))
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
		if parsed.Record.Seq == v.wanted {
			v.line = bytes.Clone(line)
		}
		v.found = append(v.found, entry{seq: parsed.Record.Seq, leaf: tlog.RecordHash(line), seg: first, line: int32(number)}) // #nosec G115 -- lines of a file of bounded size
	}
}

// last returns the record that was read last, 0 if there is none.
func (v *verification) last() int64 {
	if len(v.found) == 0 {
		return 0
	}
	return v.found[len(v.found)-1].seq
}
