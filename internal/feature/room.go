package feature

import (
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// room is where a wish makes its texts and lists: piece by piece out of a few large blocks. There are hundreds of
// pieces, all kept for as long as the resolution is, and one by one they cost more than all else of resolving.
type room struct {
	text      strings.Builder
	from      int // in text, where the piece that is being written begins
	steps     slab[step]
	ways      slab[finding.Way]
	fixes     slab[way]
	names     slab[string]
	reasonsOf slab[Reason]
}

// The least that is made room for at once: bytes of text, and elements of a list.
const (
	textBlock = 2 << 10
	slabBlock = 32
)

// expect makes room for the texts of about n findings.
func (r *room) expect(n int) {
	r.text.Grow(min(96*n, 8<<10))
}

// begin starts a piece of about n bytes. It is written before another one begins.
func (r *room) begin(n int) *strings.Builder {
	if r.text.Cap()-r.text.Len() < n {
		r.text = strings.Builder{}
		r.text.Grow(max(n, textBlock))
	}
	r.from = r.text.Len()
	return &r.text
}

// end is the piece that was written.
func (r *room) end() string { return r.text.String()[r.from:] }

// join is parts as one text.
func (r *room) join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := r.begin(n)
	for _, p := range parts {
		b.WriteString(p)
	}
	return r.end()
}

// words is a list of names, as for a subject.
func (r *room) words(names ...string) []string { return append(r.names.take(len(names)), names...) }

// way is steps as a way.
func (r *room) way(steps ...step) way { return append(r.steps.take(len(steps)), steps...) }

// oneOf is ways out.
func (r *room) oneOf(all ...way) ways { return append(r.fixes.take(len(all)), all...) }

// slab gives pieces of a block.
type slab[T any] struct{ rest []T }

// take returns an empty list with room for n; what is appended beyond that goes elsewhere.
func (s *slab[T]) take(n int) []T {
	if cap(s.rest) < n {
		s.rest = make([]T, 0, max(n, slabBlock))
	}
	piece := s.rest[:0:n]
	s.rest = s.rest[n:n]
	return piece
}
