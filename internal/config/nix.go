package config

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// nix evaluates a file of Nix, plain or in the style of a module, to its last part.
func (f file) nix(ctx context.Context) (node, error) {
	data, err := f.evaluate(ctx)
	if err != nil {
		return node{}, f.nixError(err)
	}
	var r nixReader
	root := r.node(data, 1)
	if r.found != nil {
		return node{}, f.problems(fault.Unreadable, r.found)
	}
	return root, nil
}

func (f file) evaluate(ctx context.Context) (*nixlang.Node, error) {
	opt := nixlang.Options{Files: f.fsys, Limits: nixlang.Limits{SourceBytes: maxFile}}
	var v *nixlang.Value
	var err error
	if f.fsys != nil {
		v, err = nixlang.EvalFile(ctx, f.name, opt)
	} else {
		v, err = nixlang.EvalString(ctx, f.name, f.text, opt)
	}
	if err != nil {
		return nil, err
	}
	if v, err = nixlang.Module(ctx, v); err != nil {
		return nil, err
	}
	return v.Deep(ctx)
}

// nixError tells an error of the language as a problem. One that ended for another reason than the
// text, such as the caller's patience, stays what it is.
func (f file) nixError(err error) error {
	e, ok := errors.AsType[*nixlang.Error](err)
	kind := fault.KindOf(err)
	if !ok || kind != fault.Unreadable && kind != fault.Invalid {
		return fault.Wrap(err, "cannot read %q", f.name)
	}
	_, excerpt, _ := strings.Cut(e.Detail(), e.Message)
	return f.problems(kind, []Problem{{
		Code: CodeSyntax, Position: e.Position, What: harmless(e.Message), Hint: harmless(fault.HintOf(err)),
		Excerpt: harmless(strings.TrimPrefix(excerpt, "\n")),
	}})
}

// maxSaid bounds what a file can make an error say (throw), in bytes.
const maxSaid = 4096

// harmless is text of a file's own without what a terminal would obey.
func harmless(s string) string {
	s = strings.Map(func(r rune) rune {
		if control(r) {
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

func (r *nixReader) node(n *nixlang.Node, depth int) node {
	if why, ok := r.budget.take(1, depth); !ok {
		if r.found == nil {
			r.found = []Problem{{Code: CodeBounds, Position: n.Pos, What: why}}
		}
		return node{}
	}
	out := node{at: n.Pos}
	switch n.Kind {
	case nixlang.Null, nixlang.Function: // Deep lets no function through
	case nixlang.Bool:
		out.kind, out.flag = kindFlag, n.Bool
	case nixlang.Int:
		out.kind, out.text = kindWhole, strconv.FormatInt(n.Int, 10)
	case nixlang.Float:
		out.kind, out.text = kindFraction, strconv.FormatFloat(n.Float, 'g', -1, 64)
	case nixlang.String:
		out.kind, out.text = kindText, n.String
	case nixlang.Path:
		out.kind, out.text = kindPath, n.String
	case nixlang.List:
		out.kind = kindList
		for _, item := range n.List {
			out.items = append(out.items, r.node(item, depth+1))
		}
	case nixlang.Attrs:
		out.kind = kindObject
		for _, name := range n.Keys() {
			value := n.Attrs[name]
			out.members = append(out.members, member{name: name, at: value.Pos, value: r.node(value, depth+1)})
		}
	}
	return out
}
