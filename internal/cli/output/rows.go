package output

import (
	"io"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
)

// Rows is a table that goes on: the rows that come later keep to the columns that the first ones made.
type Rows struct {
	Table  Table
	wide   bool
	widths []int
}

// NewRows returns a table that goes on.
func NewRows(t Table) *Rows { return &Rows{Table: t} }

// Begin prints the head and the rows that there are.
func (r *Rows) Begin(s screen.Screen, wide bool) error {
	r.wide = wide
	columns := r.Table.shown(wide)
	r.widths = r.Table.widths(columns)
	var b strings.Builder
	for row := -1; row < len(r.Table.Rows); row++ {
		r.Table.line(&b, s, row, columns, r.widths)
	}
	_, err := io.WriteString(s, b.String())
	return err
}

// Add prints one row more.
func (r *Rows) Add(s screen.Screen, cells ...string) error {
	r.Table.Add(cells...)
	var b strings.Builder
	columns := r.Table.shown(r.wide)
	if r.widths == nil {
		r.widths = r.Table.widths(columns)
	}
	for c, w := range r.Table.widths(columns) {
		r.widths[c] = max(r.widths[c], w)
	}
	r.Table.line(&b, s, len(r.Table.Rows)-1, columns, r.widths)
	r.Table.Rows = r.Table.Rows[:0]
	_, err := io.WriteString(s, b.String())
	return err
}
