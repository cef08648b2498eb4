package nixlang

import (
	"bytes"
	"context"
	"strings"
)

// JSON returns v as `nix-instantiate --eval --strict --json` prints it, on one line: what
// builtins.toJSON gives, but a path is its name.
func (v *Value) JSON(ctx context.Context) ([]byte, error) {
	n, err := v.Deep(ctx)
	if err != nil {
		return nil, err
	}
	return n.MarshalJSON()
}

// MarshalJSON writes n with the names of sets sorted. It returns no error.
func (n *Node) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	n.writeJSON(&b)
	return b.Bytes(), nil
}

func (n *Node) writeJSON(b *bytes.Buffer) {
	switch n.Kind {
	case List:
		b.WriteByte('[')
		for i, item := range n.List {
			b.WriteString(strings.TrimPrefix(separator("[", i), "["))
			item.writeJSON(b)
		}
		b.WriteByte(']')
	case Attrs:
		b.WriteByte('{')
		for i, name := range n.Keys() {
			b.WriteString(strings.TrimPrefix(separator("{", i), "{") + jsonText(name) + ":")
			n.Attrs[name].writeJSON(b)
		}
		b.WriteByte('}')
	default:
		b.WriteString(n.scalarJSON())
	}
}

func (n *Node) scalarJSON() string {
	switch n.Kind {
	case Bool:
		return scalarText(boolValue(n.Bool))
	case Int:
		return scalarText(intValue(n.Int))
	case Float:
		return jsonFloat(n.Float)
	case String, Path:
		return jsonText(n.String)
	default:
		return "null"
	}
}
