package config

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Bounds of what is read, whatever the form. A declaration of a thousand VMs stays below them.
const (
	maxFile  = 1 << 20 // bytes of one file
	maxDepth = 32      // values inside each other
	maxNodes = 100_000 // values in all, each alias of YAML counted as what it stands for
	maxText  = 4096    // bytes of one string
)

type kind uint8

const (
	kindNull kind = iota
	kindFlag
	kindWhole
	kindFraction
	kindText
	kindPath // of Nix; nothing here takes one
	kindList
	kindObject
)

var kindNames = [...]string{"null", "a boolean", "a whole number", "a number with a fraction", "a string", "a path", "a list", "a set of keys"}

func (k kind) String() string { return kindNames[k] }

// node is one value of a file, whatever form the file has, and where it stands.
type node struct {
	kind    kind
	text    string // of text; of whole and fraction as decimal digits
	flag    bool
	items   []node
	members []member // in the order of the file; Nix' are sorted
	at      finding.Position
}

// member is one key of an object.
type member struct {
	name  string
	at    finding.Position // of the key
	value node
}

// place is where a member is to be looked for: a set of keys by its name, all else by the value.
func (m member) place() finding.Position {
	if m.value.kind == kindObject || m.value.at.Line == 0 {
		return m.at
	}
	return m.value.at
}

// find returns the member of that name.
func (n node) find(name string) (member, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m, true
		}
	}
	return member{}, false
}

// show is the value as an error quotes it: short.
func (n node) show() string {
	switch n.kind {
	case kindFlag:
		return strconv.FormatBool(n.flag)
	case kindWhole, kindFraction:
		return shorten(n.text)
	case kindText, kindPath:
		return strconv.Quote(shorten(n.text))
	case kindNull, kindList, kindObject:
	}
	return n.kind.String()
}

func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// budget counts what a reader has read.
type budget struct{ nodes int }

// take counts n values at a depth; false when that is too much, with what to say.
func (b *budget) take(n, depth int) (why string, ok bool) {
	b.nodes += n
	switch {
	case depth > maxDepth:
		return "more than " + strconv.Itoa(maxDepth) + " values inside each other", false
	case b.nodes > maxNodes:
		return "more than " + strconv.Itoa(maxNodes) + " values", false
	}
	return "", true
}
