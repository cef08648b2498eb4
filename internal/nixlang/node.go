package nixlang

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Kind is the sort of a value.
type Kind uint8

// The kinds. Only plain data has a Node; a Function is never in one.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	Path
	List
	Attrs
	Function
)

var kindNames = [...]string{"null", "a Boolean", "an integer", "a float", "a string", "a path", "a list", "a set", "a function"}

// String names the kind with its article: "a set".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Kind returns the sort of v.
func (v *Value) Kind() Kind { return v.v.kind() }

// Node is plain data: a value evaluated to its last part, each with its place. Only the field of
// its Kind is set.
type Node struct {
	Kind   Kind
	Bool   bool
	Int    int64
	Float  float64
	String string // of a String; of a Path its absolute name
	List   []*Node
	Attrs  map[string]*Node

	// Pos is where the name of an attribute or an element of a list was written; for what a
	// function made, the nearest place around it that is known.
	Pos finding.Position
}

// Keys returns the names of the attributes, sorted.
func (n *Node) Keys() []string { return slices.Sorted(maps.Keys(n.Attrs)) }

// Deep evaluates all of v. A function inside is an error that names where, and so is a value that
// holds itself.
func (v *Value) Deep(ctx context.Context) (*Node, error) {
	v.m.begin(ctx)
	d := &deepener{m: v.m, open: map[any]bool{}}
	return d.node(v.v, v.at)
}

// deepener makes nodes. path and open are those of the way down to the value at hand.
type deepener struct {
	m    *machine
	path []string
	open map[any]bool
}

func (d *deepener) node(v *value, at pos) (*Node, error) {
	if err := d.m.enter(at); err != nil {
		return nil, err
	}
	defer func() { d.m.depth-- }()
	if err := d.m.force(v, at); err != nil {
		return nil, err
	}
	d.m.charge(2 * sizeValue)
	n := &Node{Kind: v.kind(), Pos: at.position()}
	switch v.tag {
	case tagNull:
	case tagBool:
		n.Bool = v.bool()
	case tagInt:
		n.Int = v.int()
	case tagFloat:
		n.Float = v.float()
	case tagString, tagPath:
		n.String = v.str
	case tagList, tagAttrs:
		return n, d.parts(n, v, at)
	default:
		return nil, failf(at, "%s is %s, and a declaration holds plain data", d.where(), v.what()).
			try("call the function, or leave it out")
	}
	return n, nil
}

func (d *deepener) parts(n *Node, v *value, at pos) error {
	if d.open[v.ref] {
		return failf(at, "%s holds itself", d.where())
	}
	d.open[v.ref] = true
	defer delete(d.open, v.ref)
	if v.tag == tagList {
		return d.list(n, v.list(), at)
	}
	return d.attrs(n, v.attrs(), at)
}

func (d *deepener) list(n *Node, l *list, around pos) error {
	if err := d.m.reserve(around, len(l.items), sizeItem); err != nil {
		return err
	}
	n.List = make([]*Node, len(l.items))
	for i, item := range l.items {
		d.path = append(d.path, "["+strconv.Itoa(i)+"]")
		var err error
		if n.List[i], err = d.node(item, nearer(l.place(i), around)); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
	return nil
}

func (d *deepener) attrs(n *Node, set *attrs, around pos) error {
	if err := d.m.reserve(around, len(set.items), 2*sizeAttr); err != nil {
		return err
	}
	n.Attrs = make(map[string]*Node, len(set.items))
	for _, a := range set.items {
		d.path = append(d.path, a.name)
		child, err := d.node(a.val, nearer(a.at, around))
		if err != nil {
			return traced(err, nearer(a.at, around), "while evaluating the attribute '%s'", a.name)
		}
		n.Attrs[a.name] = child
		d.path = d.path[:len(d.path)-1]
	}
	return nil
}

func nearer(at, around pos) pos {
	if at.known() {
		return at
	}
	return around
}

// where names the value at hand by the way to it.
func (d *deepener) where() string {
	if len(d.path) == 0 {
		return "the value"
	}
	var b bytes.Buffer
	for _, step := range d.path {
		if step[:min(1, len(step))] == "[" {
			b.WriteString(step)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(nameText(step))
	}
	return "'" + shorten(b.String()) + "'"
}
