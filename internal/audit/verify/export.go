package verify

import (
	"bytes"
	"fmt"
	"io/fs"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Span says which records are wanted: from and to included, 0 and the zero time for no bound.
type Span struct {
	From, To     int64
	Since, Until time.Time
}

func (s Span) has(r *Record) bool {
	return r.Seq >= s.From && (s.To == 0 || r.Seq <= s.To) &&
		(s.Since.IsZero() || !r.Time.Before(s.Since)) && (s.Until.IsZero() || !r.Time.After(s.Until))
}

// maxBatch is how many records stand before a head at most.
const maxBatch = 256

// Each hands over the records of the log in fsys that are in span, oldest first, each with its line as it was
// written: one batch is in memory at a time. It stops behind the last head, since what stands there was
// acknowledged to nobody. It does not judge: that is Verify's.
func Each(fsys fs.FS, span Span, do func(line []byte, r *Record) error) error {
	firsts, err := segments(fsys)
	if err != nil {
		return unreadable("the folder", err)
	}
	for i, first := range firsts {
		if i+1 < len(firsts) && firsts[i+1] <= span.From {
			continue
		}
		if span.To > 0 && first > span.To {
			return nil
		}
		if err := eachOf(fsys, record.Segment(first), span, do); err != nil {
			return err
		}
	}
	return nil
}

func eachOf(fsys fs.FS, name string, span Span, do func([]byte, *Record) error) error {
	type pair struct {
		line []byte
		r    *Record
	}
	var batch []pair
	var stop error
	n := 0
	err := eachLine(fsys, name, func(number int, line []byte, ended bool) {
		if stop != nil || !ended {
			return
		}
		parsed, err := record.Decode(line)
		if err == nil && parsed.Record != nil {
			if n++; n > maxBatch {
				stop = unreadable(name, fmt.Errorf("line %d: more records than are ever written together", number))
			} else if span.has(parsed.Record) {
				batch = append(batch, pair{bytes.Clone(line), parsed.Record})
			}
			return
		}
		if err != nil {
			stop = unreadable(name, fmt.Errorf("line %d: %w", number, err))
			return
		}
		for _, p := range batch {
			if stop = do(p.line, p.r); stop != nil {
				return
			}
		}
		batch, n = batch[:0], 0
	})
	if stop != nil {
		return stop
	}
	if err != nil {
		return unreadable(name, err)
	}
	return nil
}

func unreadable(what string, cause error) error {
	return fault.New(fault.Unreadable, "the audit log cannot be read: %s", what).Because(cause).Try("hv audit verify").WithCode("HV-AUDIT-001")
}

// Kept returns the public key and the newest signed head as they stand in the folder.
func Kept(fsys fs.FS) (key string, signed []byte, err error) {
	b, err := readSome(fsys, record.PublicFile, 4<<10)
	if err != nil {
		return "", nil, unreadable("its public key", err)
	}
	h, err := readSome(fsys, record.HeadFile, record.HeadSize)
	if err != nil {
		return "", nil, unreadable("its newest head", err)
	}
	return string(bytes.TrimSpace(b)), record.UnpadHead(h), nil
}
