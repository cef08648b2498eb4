// Package matrix makes the published compatibility matrix out of the feature catalogue: the specification's
// document with every table, list and tree, and the reason behind each mark that falls short.
//
// What lives here: the document as a value, and its forms (Markdown, HTML, text, JSON). What does not: the data
// (feature/catalogue), and what follows for one host (feature).
package matrix

import (
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// Document is the matrix as a value.
type Document struct {
	Title    string    `json:"title"`
	Release  string    `json:"release"` // the product's, of which the marks are true
	Sections []Section `json:"sections"`
	Reasons  []Reason  `json:"reasons"` // behind every ⚠️ and ❌, in the order of their first mark
}

// Section is one heading with what stands under it.
type Section struct {
	Level  int                      `json:"level"` // of the heading; the document's own is 1
	Title  string                   `json:"title"`
	Text   string                   `json:"text,omitempty"`
	Table  *Table                   `json:"table,omitempty"`
	Legend []Line                   `json:"legend,omitempty"`
	Lines  []Line                   `json:"lines,omitempty"`
	Tree   *catalogue.Branch        `json:"tree,omitempty"`
	Config *catalogue.Configuration `json:"configuration,omitempty"`
	Nix    string                   `json:"nix,omitempty"` // the configuration as it is declared
}

// Table is a table as it is shown.
type Table struct {
	Corner  string   `json:"corner"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
	Strong  bool     `json:"-"` // its row heads are in bold
}

// Row is one of its rows.
type Row struct {
	Name  string `json:"name"`
	Cells []Cell `json:"cells"`
}

// Cell is a mark, or a word where the table has words.
type Cell struct {
	Mark   catalogue.Mark `json:"mark,omitempty"`
	Text   string         `json:"text"`             // as the specification draws it: ✅, -, Low
	Reason string         `json:"reason,omitempty"` // the id of the reason behind it
}

// Line is a line of a list.
type Line struct {
	Mark   catalogue.Mark `json:"mark"`
	Text   string         `json:"text"`
	Reason string         `json:"reason,omitempty"`
}

// Reason is what stands behind a mark that falls short, and the way to yes.
type Reason struct {
	ID     string         `json:"id"` // an anchor: the title as a link names it
	Title  string         `json:"title"`
	Mark   catalogue.Mark `json:"mark"`
	Why    string         `json:"why"`
	Remedy string         `json:"remedy"`
	Source string         `json:"source"`
}

// Reason returns the reason of that id, and its number, counted from 1.
func (d Document) Reason(id string) (Reason, int) {
	for i, r := range d.Reasons {
		if r.ID == id {
			return r, i + 1
		}
	}
	return Reason{}, 0
}

// anchor is the id of a heading, as forges make it.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, strings.ToLower(title))
}

// Draw draws what hangs below a root, one line a branch.
func Draw(root catalogue.Branch) []string { return draw(root.Branches, "") }

func draw(branches []catalogue.Branch, indent string) []string {
	var out []string
	for i, b := range branches {
		edge, below := "├── ", "│   "
		if i == len(branches)-1 {
			edge, below = "└── ", "    "
		}
		out = append(out, indent+edge+Label(b))
		out = append(out, draw(b.Branches, indent+below)...)
	}
	return out
}

// Label is a branch in words: "Optional: API (for backend)".
func Label(b catalogue.Branch) string {
	text := b.Text
	if b.Verb != catalogue.BuiltOn {
		text = string(b.Verb) + ": " + text
	}
	if b.Note != "" {
		text += " (" + b.Note + ")"
	}
	return text
}
