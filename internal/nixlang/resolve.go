package nixlang

import "slices"

// scope is what names mean at one place of the tree; at run time an env stands for it.
type scope struct {
	up    *scope
	names map[string]int
	with  bool // names are those of a set that is known only at run time
}

// resolver binds every variable to the scope that defines it. As in Nix, a name that is defined
// around a `with` wins over the set of the `with`.
type resolver struct{ err error }

func (r *resolver) fail(e *Error) {
	if r.err == nil {
		r.err = e
	}
}

func (v *variable) resolve(r *resolver, s *scope) {
	level, around := 0, s
	for ; s != nil; s = s.up {
		if s.with {
			v.withs = append(v.withs, level)
		} else if i, ok := s.names[v.name]; ok {
			v.level, v.index, v.withs = level, i, nil
			return
		}
		level++
	}
	if v.withs == nil && r.err == nil {
		r.fail(v.undefined(around))
	}
}

func (v *variable) undefined(s *scope) *Error {
	e := failf(v.pos, "undefined variable '%s'", v.name)
	if v.name == "lib" || v.name == "pkgs" || v.name == "config" {
		return e.try("make the file a function of it: { config, lib, pkgs, ... }: { … }")
	}
	near := nearestTo(v.name)
	for ; s != nil; s = s.up {
		for name := range s.names {
			near.try(name)
		}
	}
	if near.best != "" {
		e = e.try("did you mean '%s'?", near.best)
	}
	return e
}

func (l *literal) resolve(*resolver, *scope)    {}
func (a *absentExpr) resolve(*resolver, *scope) {}
func (c *curPosExpr) resolve(*resolver, *scope) {}

func (t *textExpr) resolve(r *resolver, s *scope) { resolveAll(r, s, t.parts) }
func (x *pathExpr) resolve(r *resolver, s *scope) { resolveAll(r, s, x.parts) }
func (l *listExpr) resolve(r *resolver, s *scope) { resolveAll(r, s, l.items) }

func resolveAll(r *resolver, s *scope, es []expr) {
	for _, e := range es {
		e.resolve(r, s)
	}
}

// resolve sorts the bindings, so that slots and sets come out in the order of their names.
func (a *attrsExpr) resolve(r *resolver, s *scope) {
	slices.SortFunc(a.binds, func(x, y binding) int { return compareStrings(x.name, y.name) })
	for i, b := range a.binds {
		a.index[b.name] = i
	}
	inner := s
	if a.rec {
		inner = &scope{up: s, names: a.index}
		if i, ok := a.index["__overrides"]; ok {
			r.fail(failf(a.binds[i].pos, "'__overrides' in a recursive set is not supported, merge the sets with '//'"))
		}
	}
	resolveAll(r, inner, a.sources)
	for _, b := range a.binds {
		switch b.kind {
		case bindPlain:
			b.value.resolve(r, inner)
		case bindInherit:
			b.value.resolve(r, s)
		case bindFrom: // its source is resolved already
		}
	}
	for _, d := range a.dynamic {
		d.name.resolve(r, inner)
		d.value.resolve(r, inner)
	}
}

func (l *letExpr) resolve(r *resolver, s *scope) {
	l.set.resolve(r, s)
	l.body.resolve(r, &scope{up: s, names: l.set.index})
}

func (w *withExpr) resolve(r *resolver, s *scope) {
	w.set.resolve(r, s)
	w.body.resolve(r, &scope{up: s, with: true})
}

func (i *ifExpr) resolve(r *resolver, s *scope) {
	i.cond.resolve(r, s)
	i.yes.resolve(r, s)
	i.no.resolve(r, s)
}

func (a *assertExpr) resolve(r *resolver, s *scope) {
	a.cond.resolve(r, s)
	a.body.resolve(r, s)
}

// slots returns the names of a function's scope and their slots.
func (f *lambda) slots() map[string]int {
	names := map[string]int{}
	if f.arg != "" {
		names[f.arg] = 0
	}
	if f.pattern != nil {
		first := len(names)
		for i, fm := range f.pattern.formals {
			names[fm.name] = first + i
		}
	}
	return names
}

func (f *lambda) resolve(r *resolver, s *scope) {
	inner := &scope{up: s, names: f.slots()}
	if f.pattern != nil {
		for _, fm := range f.pattern.formals {
			if fm.otherwise != nil {
				fm.otherwise.resolve(r, inner)
			}
		}
	}
	f.body.resolve(r, inner)
}

func (c *callExpr) resolve(r *resolver, s *scope) {
	c.fn.resolve(r, s)
	resolveAll(r, s, c.args)
}

func resolvePath(r *resolver, s *scope, path []attrName) {
	for _, n := range path {
		if n.dynamic != nil {
			n.dynamic.resolve(r, s)
		}
	}
}

func (x *selectExpr) resolve(r *resolver, s *scope) {
	x.subject.resolve(r, s)
	resolvePath(r, s, x.path)
	if x.otherwise != nil {
		x.otherwise.resolve(r, s)
	}
}

func (h *hasExpr) resolve(r *resolver, s *scope) {
	h.subject.resolve(r, s)
	resolvePath(r, s, h.path)
}

func (n *notExpr) resolve(r *resolver, s *scope)    { n.operand.resolve(r, s) }
func (n *negateExpr) resolve(r *resolver, s *scope) { n.operand.resolve(r, s) }

func (b *binaryExpr) resolve(r *resolver, s *scope) {
	b.left.resolve(r, s)
	b.right.resolve(r, s)
}
