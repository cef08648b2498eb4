package nixlang

import (
	"slices"
	"strings"
)

// attr is one attribute of a set, with the place where its name was written.
type attr struct {
	name string
	val  *value
	at   pos
}

// attrs is a set: attributes sorted by name, names unique, never changed once made.
type attrs struct {
	items   []attr
	options bool // put together by the module system: it holds what nobody defined too
}

var emptyAttrs = &attrs{}

func attrsValue(a *attrs) *value { return &value{tag: tagAttrs, ref: a} }

func compareStrings(a, b string) int { return strings.Compare(a, b) }

func (a *attrs) find(name string) (int, bool) {
	return slices.BinarySearchFunc(a.items, name, func(x attr, n string) int { return strings.Compare(x.name, n) })
}

// get returns the attribute called name, nil if there is none.
func (a *attrs) get(name string) *attr {
	if i, ok := a.find(name); ok {
		return &a.items[i]
	}
	return nil
}

// newAttrs sorts items into a set. Of attributes of one name the first stays.
func newAttrs(items []attr) *attrs {
	slices.SortStableFunc(items, func(x, y attr) int { return strings.Compare(x.name, y.name) })
	items = slices.CompactFunc(items, func(x, y attr) bool { return x.name == y.name })
	return &attrs{items: items}
}

// update returns the attributes of a and b, those of b winning.
func (a *attrs) update(b *attrs) *attrs {
	if len(a.items) == 0 {
		return b
	}
	if len(b.items) == 0 {
		return a
	}
	out := make([]attr, 0, len(a.items)+len(b.items))
	i, j := 0, 0
	for i < len(a.items) && j < len(b.items) {
		switch c := strings.Compare(a.items[i].name, b.items[j].name); {
		case c < 0:
			out = append(out, a.items[i])
			i++
		case c > 0:
			out = append(out, b.items[j])
			j++
		default:
			out = append(out, b.items[j])
			i, j = i+1, j+1
		}
	}
	out = append(out, a.items[i:]...)
	return &attrs{items: append(out, b.items[j:]...)}
}

// keep returns the attributes of a whose name passes.
func (a *attrs) keep(pass func(name string) bool) *attrs {
	out := make([]attr, 0, len(a.items))
	for _, x := range a.items {
		if pass(x.name) {
			out = append(out, x)
		}
	}
	return &attrs{items: out}
}

// nearest finds the known name most like a misspelt one.
type nearest struct {
	wanted, best string
	least        int
}

func nearestTo(name string) *nearest {
	return &nearest{wanted: name, least: 1 + min(2, len(name)/2)}
}

// try offers a known name. Of two that are equally near the one that sorts first stays.
func (n *nearest) try(known string) {
	d := distance(known, n.wanted, n.least+1)
	if d < n.least || d == n.least && n.best != "" && known < n.best {
		n.best, n.least = known, d
	}
}

// distance is the Levenshtein distance of two names, or limit if it is not below that.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit || len(a) > 64 {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
