package nixlang

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// source is the text of one file or expression.
type source struct {
	name  string // as positions show it
	dir   string // absolute folder that relative paths start from
	text  string
	own   bool  // part of this package (lib.nix): no place to send an owner to
	lines []int // offset of the first byte of each line, made on first use
}

// pos is a place in a source, kept small because every attribute carries one.
type pos struct {
	src *source
	off int
}

func (p pos) known() bool { return p.src != nil && !p.src.own }

func (s *source) lineStarts() []int {
	if s.lines == nil {
		s.lines = []int{0}
		for i := range len(s.text) {
			if s.text[i] == '\n' {
				s.lines = append(s.lines, i+1)
			}
		}
	}
	return s.lines
}

// line returns the number of the line that holds off, from 0, and where that line starts.
func (s *source) line(off int) (n, start int) {
	starts := s.lineStarts()
	n = sort.Search(len(starts), func(i int) bool { return starts[i] > off }) - 1
	return n, starts[n]
}

// lineText returns the line that holds p without its end.
func (p pos) lineText() string {
	_, start := p.src.line(p.off)
	text, _, _ := strings.Cut(p.src.text[start:], "\n")
	return strings.TrimSuffix(text, "\r")
}

// position counts columns in characters, not bytes: that is what an editor shows.
func (p pos) position() finding.Position {
	if p.src == nil {
		return finding.Position{}
	}
	off := min(p.off, len(p.src.text))
	n, start := p.src.line(off)
	return finding.Position{
		File:   p.src.name,
		Line:   n + 1,
		Column: utf8.RuneCountInString(p.src.text[start:off]) + 1,
	}
}
