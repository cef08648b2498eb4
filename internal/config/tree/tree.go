// Package tree reads Nix, JSON and YAML into one tree of plain values, each with its place in the
// file, and tells what is wrong with a text as problems with a line and a caret.
//
// What lives here: the tree, its three readers and their bounds, problems. What does not: which keys
// there are and what they take (package config), and the Nix language (nixlang).
package tree

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Bounds of what is read, whatever the form. A declaration of a thousand VMs stays below them.
const (
	MaxFile  = 1 << 20 // bytes of one file
	MaxDepth = 32      // values inside each other
	MaxNodes = 100_000 // values in all, each alias of YAML counted as what it stands for
)

// Kind is the sort of a value.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Flag
	Whole
	Fraction
	Text
	Path // of Nix only
	List
	Object
)

var kindNames = [...]string{"null", "a boolean", "a whole number", "a number with a fraction", "a string", "a path", "a list", "a set of keys"}

// String names the kind with its article.
func (k Kind) String() string { return kindNames[k] }

// Node is one value of a file, whatever form the file has, and where it stands. Only the fields of
// its kind are set.
type Node struct {
	Kind    Kind
	Text    string // of Text and Path; of Whole and Fraction as decimal digits
	Flag    bool
	Items   []Node
	Members []Member // in the order of the file; Nix' are sorted by name
	At      finding.Position
}

// Member is one key of an object. No two of one object have one name.
type Member struct {
	Name  string
	At    finding.Position // of the key
	Value Node
}

// Place is where a member is to be looked for: a set of keys by its name, all else by the value.
func (m Member) Place() finding.Position {
	if m.Value.Kind == Object || m.Value.At.Line == 0 {
		return m.At
	}
	return m.Value.At
}

// Has reports whether n is an object with a key of that name.
func (n Node) Has(name string) bool {
	for _, m := range n.Members {
		if m.Name == name {
			return true
		}
	}
	return false
}

// Show is the value as an error quotes it: short.
func (n Node) Show() string {
	switch n.Kind {
	case Flag:
		return strconv.FormatBool(n.Flag)
	case Whole, Fraction:
		return Shorten(n.Text)
	case Text, Path:
		return strconv.Quote(Shorten(n.Text))
	case Null, List, Object:
	}
	return n.Kind.String()
}

// Shorten cuts what an error repeats of somebody's text to 40 characters.
func Shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// Control reports whether a terminal may obey r: C0 and C1 but newline and tab, and what turns the
// direction of text, so that it reads other than it is.
func Control(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// budget counts what a reader has read.
type budget struct{ nodes int }

// take counts n values at a depth; false when that is too much, with what to say.
func (b *budget) take(n, depth int) (why string, ok bool) {
	b.nodes += n
	switch {
	case depth > MaxDepth:
		return "more than " + strconv.Itoa(MaxDepth) + " values inside each other", false
	case b.nodes > MaxNodes:
		return "more than " + strconv.Itoa(MaxNodes) + " values", false
	}
	return "", true
}
