package audit

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
)

// How much one call of Read returns and looks at.
const (
	MaxPage = 1000
	maxScan = 50_000
)

// Filter says which records are wanted; an empty field wants all.
type Filter struct {
	User         string // of the actor
	Action       string // "vm.start", or "vm." for all that begin with it
	Target       string
	Operation    string
	Phase        Phase
	Since, Until time.Time // Since included, Until not
}

func (f Filter) wants(r Record) bool {
	action := f.Action == "" || r.Action == f.Action || strings.HasSuffix(f.Action, ".") && strings.HasPrefix(r.Action, f.Action)
	return action &&
		(f.User == "" || r.Actor.User == f.User) &&
		(f.Target == "" || r.Target == f.Target) &&
		(f.Operation == "" || r.Operation == f.Operation) &&
		(f.Phase == "" || r.Phase == f.Phase) &&
		(f.Since.IsZero() || !r.Time.Before(f.Since)) &&
		(f.Until.IsZero() || r.Time.Before(f.Until))
}

// Page is a part of the log.
type Page struct {
	Records []Record
	Next    int64 // the after of the next call
	More    bool  // there is something to look at behind Next
}

// Read returns the records after the one numbered after (0 for all) that the filter wants, oldest
// first, at most limit of them (MaxPage if 0 or more than that). A filter that finds little makes
// pages that are not full, or empty ones, with More set. Only acknowledged records are read.
func (l *Log) Read(ctx context.Context, after int64, limit int, filter Filter) (Page, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	l.mu.Lock()
	closed, size, segments := l.closed, l.size, slices.Clone(l.segments)
	l.mu.Unlock()
	if closed {
		return Page{}, errClosed()
	}
	p := Page{Next: max(after, 0)}
	end := min(size, p.Next+maxScan)
	for p.Next < end && len(p.Records) < limit {
		if ctx.Err() != nil {
			return Page{}, given(ctx)
		}
		i := sort.Search(len(segments), func(i int) bool { return segments[i] > p.Next+1 }) - 1
		last := end
		if i+1 < len(segments) {
			last = min(end, segments[i+1]-1)
		}
		if err := l.readSegment(&p, segments[max(i, 0)], last, limit, filter); err != nil {
			return Page{}, err
		}
	}
	p.More = p.Next < size
	return p, nil
}

// readSegment adds the records of one segment, from p.Next+1 to last.
func (l *Log) readSegment(p *Page, first, last int64, limit int, filter Filter) error {
	name := record.Segment(first)
	f, err := os.Open(filepath.Join(l.dir, name)) // #nosec G304 -- our own folder
	if err != nil {
		return l.fail(err)
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 64<<10)
	for seq := first; seq <= last && len(p.Records) < limit; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return l.damaged("segment "+name+" ends too early", nil)
		}
		if err != nil {
			return l.fail(err)
		}
		if !record.IsRecord(line) {
			continue
		}
		if seq++; seq-1 <= p.Next {
			continue
		}
		parsed, err := record.Decode(line[:len(line)-1])
		if err != nil || parsed.Record.Seq != seq-1 {
			return l.damaged("segment "+name, err)
		}
		p.Next = seq - 1
		if filter.wants(*parsed.Record) {
			p.Records = append(p.Records, *parsed.Record)
		}
	}
	return nil
}
