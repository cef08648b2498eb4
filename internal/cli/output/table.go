package output

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
)

// Empty stands in a table where there is nothing to say.
const Empty = "–"

// Column is one column of a table.
type Column struct {
	Title string
	Wide  bool // shown with -o wide only
	Right bool // numbers
	Cut   bool // long names: shortened first when the terminal is narrow
	Wrap  bool // prose: goes on below itself, at the width of a page where there is no terminal; the last column
	// Paint colours a cell by its text; nil for none.
	Paint func(text string) screen.Paint
}

// Table is what `list` prints.
type Table struct {
	Columns []Column
	Rows    [][]string
}

// Add adds a row; an empty cell shows as –.
func (t *Table) Add(cells ...string) {
	for i := range cells {
		cells[i] = screen.Safe(cells[i])
		if cells[i] == "" {
			cells[i] = Empty
		}
	}
	t.Rows = append(t.Rows, cells)
}

// between is what stands between two columns.
const between = "  "

// Write prints t on s, cut to its width where it is a terminal.
func (t *Table) Write(s screen.Screen, wide bool) error {
	columns := t.shown(wide)
	widths := t.widths(columns)
	if !wide {
		width := s.Width()
		if slices.ContainsFunc(columns, func(c int) bool { return t.Columns[c].Wrap }) {
			width = s.Page()
		}
		t.squeeze(columns, widths, width)
	}
	var b strings.Builder
	for row := -1; row < len(t.Rows); row++ {
		t.line(&b, s, row, columns, widths)
	}
	_, err := io.WriteString(s, b.String())
	return err
}

// shown are the columns that are shown.
func (t *Table) shown(wide bool) []int {
	var columns []int
	for i, c := range t.Columns {
		if wide || !c.Wide {
			columns = append(columns, i)
		}
	}
	return columns
}

func (t *Table) cell(row, column int) string {
	if row < 0 {
		return t.Columns[column].Title
	}
	return t.Rows[row][column]
}

func (t *Table) widths(columns []int) []int {
	widths := make([]int, len(t.Columns))
	for _, c := range columns {
		for row := -1; row < len(t.Rows); row++ {
			widths[c] = max(widths[c], utf8.RuneCountInString(t.cell(row, c)))
		}
	}
	return widths
}

// least is how far a column is squeezed: prose less than others.
func (c Column) least() int {
	if c.Wrap {
		return 24
	}
	return 12
}

// squeeze takes from the widest of the columns that may be cut or wrapped until the table fits.
func (t *Table) squeeze(columns, widths []int, width int) {
	if width <= 0 {
		return
	}
	for {
		sum, widest := (len(columns)-1)*len(between), -1
		for _, c := range columns {
			sum += widths[c]
			if (t.Columns[c].Cut || t.Columns[c].Wrap) && widths[c] > t.Columns[c].least() && (widest < 0 || widths[c] > widths[widest]) {
				widest = c
			}
		}
		if sum <= width || widest < 0 {
			return
		}
		widths[widest] = max(t.Columns[widest].least(), widths[widest]-(sum-width))
	}
}

func (t *Table) line(b *strings.Builder, s screen.Screen, row int, columns, widths []int) {
	var line strings.Builder
	pending := ""
	var more []string
	for n, c := range columns {
		text := t.cell(row, c)
		if t.Columns[c].Wrap {
			more = screen.Wrap(text, widths[c])
			text, more = more[0], more[1:]
		} else {
			text = screen.Cut(text, widths[c])
		}
		pad := strings.Repeat(" ", max(0, widths[c]-utf8.RuneCountInString(text)))
		if n > 0 {
			pending += between
		}
		shown := text
		switch paint := t.Columns[c].Paint; {
		case row < 0:
			shown = s.Paint(screen.Bold, text)
		case paint != nil:
			shown = s.Paint(paint(text), text)
		}
		if t.Columns[c].Right {
			line.WriteString(pending + pad + shown)
			pending = ""
			continue
		}
		line.WriteString(pending + shown)
		pending = pad // never at the end of a line
	}
	b.WriteString(line.String() + "\n")
	before := 0
	for _, c := range columns[:len(columns)-1] {
		before += widths[c] + len(between)
	}
	for _, l := range more {
		b.WriteString(strings.Repeat(" ", before) + l + "\n")
	}
}
