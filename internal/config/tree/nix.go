package tree

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// readNix evaluates Nix, plain or in the style of a module, to its last part.
func (f File) readNix(ctx context.Context) (Node, error) {
	data, err := f.evaluate(ctx)
	if err != nil {
		return Node{}, f.nixError(err)
	}
	var r nixReader
	root := r.node(data, 1)
	if r.found != nil {
		return Node{}, f.Problems(fault.Unreadable, r.found)
	}
	return root, nil
}

func (f File) evaluate(ctx context.Context) (*nixlang.Node, error) {
	opt := nixlang.Options{Files: f.Folder, Limits: nixlang.Limits{SourceBytes: MaxFile}}
	var v *nixlang.Value
	var err error
	if f.Folder != nil {
		v, err = nixlang.EvalFile(ctx, f.Name, opt)
	} else {
		v, err = nixlang.EvalString(ctx, f.Name, f.Text, opt)
	}
	if err != nil {
		return nil, err
	}
	if v, err = nixlang.Module(ctx, v, f.Options); err != nil {
		return nil, err
	}
	return v.Deep(ctx)
}

// nixError tells an error of the language as a problem. One that ended for another reason than the
// text, such as the caller's patience, stays what it is.
func (f File) nixError(err error) error {
	e, ok := errors.AsType[*nixlang.Error](err)
	kind := fault.KindOf(err)
	if !ok || kind != fault.Unreadable && kind != fault.Invalid {
		return fault.Wrap(err, "cannot read %q", f.Name)
	}
	_, excerpt, _ := strings.Cut(e.Detail(), e.Message)
	return f.Problems(kind, []Problem{{
		Code: CodeSyntax, Position: e.Position, What: harmless(e.Message), Hint: harmless(fault.HintOf(err)),
		Excerpt: harmless(strings.TrimPrefix(excerpt, "\n")),
	}})
}

// maxSaid bounds what a file can make an error say (throw), in bytes.
const maxSaid = 4096

// harmless is text of a file's own without what a terminal would obey.
func harmless(s string) string {
	s = strings.Map(func(r rune) rune {
		if Control(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > maxSaid {
		s = strings.ToValidUTF8(s[:maxSaid], "") + "…"
	}
	return s
}

// nixReader turns plain data of the language into our tree.
type nixReader struct {
	budget budget
	found  []Problem
}

func (r *nixReader) node(n *nixlang.Node, depth int) Node {
	if why, ok := r.budget.take(1, depth); !ok {
		if r.found == nil {
			r.found = []Problem{{Code: CodeBounds, Position: n.Pos, What: why}}
		}
		return Node{}
	}
	out := Node{At: n.Pos}
	switch n.Kind {
	case nixlang.Null, nixlang.Function: // Deep lets no function through
	case nixlang.Bool:
		out.Kind, out.Flag = Flag, n.Bool
	case nixlang.Int:
		out.Kind, out.Text = Whole, strconv.FormatInt(n.Int, 10)
	case nixlang.Float:
		out.Kind, out.Text = Fraction, strconv.FormatFloat(n.Float, 'g', -1, 64)
	case nixlang.String:
		out.Kind, out.Text = Text, n.String
	case nixlang.Path:
		out.Kind, out.Text = Path, n.String
	case nixlang.List:
		out.Kind = List
		for _, item := range n.List {
			out.Items = append(out.Items, r.node(item, depth+1))
		}
	case nixlang.Attrs:
		out.Kind = Object
		for _, name := range n.Keys() {
			value := n.Attrs[name]
			out.Members = append(out.Members, Member{Name: name, At: value.Pos, Value: r.node(value, depth+1)})
		}
	}
	return out
}
