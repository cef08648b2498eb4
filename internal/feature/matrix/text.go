package matrix

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// words are the marks for a terminal, where an emoji's width is anybody's guess.
var words = map[catalogue.Mark]string{catalogue.Full: "yes", catalogue.Limits: "limited", catalogue.Nothing: "no"}

// Text is the document for a terminal: marks in words, each that falls short with the number of its reason. A table that
// is wider than that many columns is told in parts, each with some of its columns; 0 is as wide as it takes.
func (d Document) Text(width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nrelease %s\n", d.Title, d.Release)
	for _, s := range d.Sections {
		title := s.Title
		if s.Level == 2 {
			title = strings.ToUpper(title)
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		d.section(&b, s, width)
	}
	b.WriteString("\nREASONS\n")
	for i, r := range d.Reasons {
		fmt.Fprintf(&b, "[%d] %s: %s: %s\n     try: %s\n", i+1, r.Title, words[r.Mark], r.Why, r.Remedy)
	}
	return b.String()
}

func (d Document) section(b *strings.Builder, s Section, width int) {
	if s.Text != "" {
		fmt.Fprintf(b, "  %s\n", s.Text)
	}
	if s.Table != nil {
		d.grid(b, *s.Table, width)
	}
	for _, l := range s.Lines {
		fmt.Fprintf(b, "  %-12s  %s\n", d.word(l.Mark, "", l.Reason), l.Text)
	}
	if s.Tree != nil {
		fmt.Fprintf(b, "  %s\n", Label(*s.Tree))
		for _, line := range Draw(*s.Tree) {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
	for line := range strings.Lines(s.Nix) {
		fmt.Fprintf(b, "  %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// word is a mark with the number of its reason: "no [3]".
func (d Document) word(m catalogue.Mark, text, reason string) string {
	if w := words[m]; w != "" {
		text = w
	}
	if _, n := d.Reason(reason); n > 0 {
		text += fmt.Sprintf(" [%d]", n)
	}
	return text
}

// grid writes a table with aligned columns, in as many parts as it takes.
func (d Document) grid(b *strings.Builder, t Table, width int) {
	rows := [][]string{append([]string{t.Corner}, t.Columns...)}
	for _, r := range t.Rows {
		row := []string{r.Name}
		for _, c := range r.Cells {
			row = append(row, d.word(c.Mark, c.Text, c.Reason))
		}
		rows = append(rows, row)
	}
	widths := make([]int, len(t.Columns)+1)
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for first := 1; first < len(widths); {
		last, room := first, widths[0]+4
		for ; last < len(widths) && (width == 0 || last == first || room+widths[last]+2 <= width); last++ {
			room += widths[last] + 2
		}
		if first > 1 {
			b.WriteByte('\n')
		}
		part(b, rows, widths, first, last)
		first = last
	}
}

// part writes the names of the rows, and the columns from first to before last.
func part(b *strings.Builder, rows [][]string, widths []int, first, last int) {
	for _, row := range rows {
		line := "  " + row[0] + strings.Repeat(" ", widths[0]-utf8.RuneCountInString(row[0])) + " "
		for i := first; i < last; i++ {
			line += " " + row[i] + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(row[i])) + " "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
