package nixlang

import "slices"

func (c *callExpr) eval(m *machine, scopes *env) (*value, error) {
	fn, err := m.eval(c.fn, scopes)
	if err != nil {
		return nil, err
	}
	args := make([]*value, len(c.args))
	for i, a := range c.args {
		args[i] = m.delay(a, scopes)
	}
	return m.apply(fn, c.pos, args...)
}

// apply calls fn with args, one after the other, and returns a known value.
func (m *machine) apply(fn *value, at pos, args ...*value) (*value, error) {
	for len(args) > 0 {
		if err := m.force(fn, at); err != nil {
			return nil, err
		}
		took := 1
		var err error
		switch fn.tag {
		case tagLambda:
			fn, err = m.applyLambda(fn, at, args[0])
		case tagPrimitive:
			fn, took, err = m.applyPrimitive(fn.primitive(), nil, at, args)
		case tagPartial:
			p := fn.partial()
			fn, took, err = m.applyPrimitive(p.fn, p.args, at, args)
		case tagAttrs:
			fn, err = m.applyFunctor(fn, at, args[0])
		default:
			err = notCallable(fn, at)
		}
		if err != nil {
			return nil, err
		}
		args = args[took:]
	}
	return fn, m.force(fn, at)
}

func notCallable(fn *value, at pos) error {
	return failf(at, "attempt to call something which is not a function but %s", fn.what())
}

// applyPrimitive calls p once it has all its arguments; it tells how many of args it took.
func (m *machine) applyPrimitive(p *primitive, have []*value, at pos, args []*value) (*value, int, error) {
	took := min(p.arity-len(have), len(args))
	all := slices.Concat(have, args[:took])
	if len(all) < p.arity {
		m.charge(sizeValue + len(all)*sizeItem)
		return &value{tag: tagPartial, ref: &partial{p, all}}, took, nil
	}
	if err := m.enter(at); err != nil {
		return nil, took, err
	}
	v, err := p.call(m, at, all)
	m.depth--
	if err != nil {
		return nil, took, placed(err, at)
	}
	return v, took, nil
}

// applyFunctor calls a set that has `__functor = self: arg: …`.
func (m *machine) applyFunctor(set *value, at pos, arg *value) (*value, error) {
	f := set.attrs().get("__functor")
	if f == nil {
		return nil, notCallable(set, at)
	}
	if err := m.enter(at); err != nil {
		return nil, err
	}
	v, err := m.apply(f.val, at, set, arg)
	m.depth--
	return v, err
}

func (f *lambda) title() string {
	if f.name == "" {
		return "anonymous function"
	}
	return "function '" + f.name + "'"
}

// titleAndPlace adds where f was written, for messages about a call that stands elsewhere.
func (f *lambda) titleAndPlace() string {
	if !f.known() {
		return f.title() + " of lib"
	}
	return f.title() + " at " + f.position().String()
}

func (m *machine) applyLambda(fn *value, at pos, arg *value) (*value, error) {
	f := fn.lambda()
	scopes, err := f.bind(m, fn.env, at, arg)
	if err != nil {
		return nil, placed(err, at)
	}
	v, err := m.eval(f.body, scopes)
	if err != nil {
		return nil, traced(placed(err, at), at, "while calling the %s", f.title())
	}
	return v, nil
}

// bind makes the scope of a call.
func (f *lambda) bind(m *machine, up *env, at pos, arg *value) (*env, error) {
	if f.pattern == nil {
		scopes := m.open(up, 1)
		scopes.slots[0] = arg
		return scopes, nil
	}
	if err := m.force(arg, at); err != nil {
		return nil, err
	}
	if arg.tag != tagAttrs {
		return nil, failf(at, "%s wants a set of arguments and was given %s", f.titleAndPlace(), arg.what())
	}
	first := 0
	if f.arg != "" {
		first = 1
	}
	scopes := m.open(up, first+len(f.pattern.formals))
	if f.arg != "" {
		scopes.slots[0] = arg
	}
	return scopes, f.match(m, scopes, scopes.slots[first:], at, arg.attrs())
}

func (f *lambda) match(m *machine, scopes *env, slots []*value, at pos, args *attrs) error {
	used := 0
	for i, fm := range f.pattern.formals {
		a := args.get(fm.name)
		switch {
		case a != nil:
			slots[i] = a.val
			used++
		case fm.otherwise != nil:
			slots[i] = m.delay(fm.otherwise, scopes)
		default:
			return failf(at, "%s called without required argument '%s'", f.titleAndPlace(), fm.name)
		}
	}
	if f.pattern.ellipsis || used == len(args.items) {
		return nil
	}
	return f.unexpected(at, args)
}

func (f *lambda) unexpected(at pos, args *attrs) error {
	for _, a := range args.items {
		if _, ok := f.pattern.index[a.name]; !ok {
			return failf(at, "%s called with unexpected argument '%s'", f.titleAndPlace(), a.name).
				try("add '...' to the arguments of the function, or leave '%s' out", a.name)
		}
	}
	return nil
}
