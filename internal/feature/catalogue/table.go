package catalogue

import (
	"fmt"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// TableName names one of the tables, as the specification heads it.
type TableName string

// The tables, beside that of the features' pairs, which is made of the relations.
const (
	OperatingSystems TableName = "Operating Systems"
	Hypervisors      TableName = "Hypervisor Features"
	CPUFeatures      TableName = "CPU Features"
	StorageBackends  TableName = "Storage Backends"
)

// Table is one of the specification's tables with all its rows.
type Table struct {
	Name    TableName  `json:"name"`
	Corner  string     `json:"corner"` // what the first column heads
	Columns []string   `json:"columns"`
	Rows    []TableRow `json:"rows"`
	Source  string     `json:"source"` // what else says so, beside the table itself
}

// TableRow is what one thing is worth with each column.
type TableRow struct {
	Name string `json:"name"`
	// Feature is the feature that the row speaks of; empty where it is none. Of the operating systems, its
	// cells are the feature's own.
	Feature ID        `json:"feature,omitempty"`
	Cells   []Support `json:"cells"`
}

// Cell returns the cell of that row and column.
func (t Table) Cell(row, column string) (Support, bool) {
	r := slices.IndexFunc(t.Rows, func(r TableRow) bool { return r.Name == row })
	c := slices.Index(t.Columns, column)
	if r < 0 || c < 0 {
		return Support{}, false
	}
	return t.Rows[r].Cells[c], true
}

// Fit returns the columns in which a row is full, and those in which it is limited.
func (t Table) Fit(row string) (full, limited []string) {
	for _, c := range t.Columns {
		switch s, _ := t.Cell(row, c); s.Mark {
		case Full:
			full = append(full, c)
		case Limits:
			limited = append(limited, c)
		case Nothing, NoPart:
		}
	}
	return full, limited
}

// Tables returns every table, in the specification's order.
func (c *Catalogue) Tables() []Table { return slices.Clone(c.tables) }

// Table returns the table of that name.
func (c *Catalogue) Table(name TableName) (Table, bool) {
	i := slices.IndexFunc(c.tables, func(t Table) bool { return t.Name == name })
	if i < 0 {
		return Table{}, false
	}
	return c.tables[i], true
}

// Ask is Table and Cell in one, with an error that names what there is where row or column is unknown.
func (c *Catalogue) Ask(name TableName, row, column string) (Support, error) {
	t, ok := c.Table(name)
	if !ok {
		return Support{}, fault.New(fault.NotFound, "there is no table %s", Quote(string(name)))
	}
	s, ok := t.Cell(row, column)
	if !ok {
		return Support{}, fault.New(fault.NotFound, "the table %s has no cell %s × %s", name, Quote(row), Quote(column)).
			Try("%s", fmt.Sprintf("its columns are %q", t.Columns))
	}
	return s, nil
}
