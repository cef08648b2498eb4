package nixlang

func (a *attrsExpr) eval(m *machine, scopes *env) (*value, error) {
	inner := scopes
	m.charge(sizeValue + len(a.binds)*(sizeAttr+sizeItem))
	var slots []*value
	if a.rec {
		inner = m.open(scopes, len(a.binds))
		slots = inner.slots
	} else {
		slots = make([]*value, len(a.binds))
	}
	a.fill(m, scopes, inner, slots)
	set := &attrs{items: make([]attr, len(a.binds))}
	for i := range a.binds {
		set.items[i] = attr{a.binds[i].name, slots[i], a.binds[i].pos}
	}
	if len(a.dynamic) == 0 {
		return attrsValue(set), nil
	}
	return a.withDynamic(m, set, inner)
}

// fill puts the delayed value of every binding into its slot. In a recursive set the slots are
// those of inner, so that a binding may name one that stands after it.
func (a *attrsExpr) fill(m *machine, outer, inner *env, slots []*value) {
	sources := make([]*value, len(a.sources))
	for i, s := range a.sources {
		m.charge(sizeValue)
		sources[i] = &value{tag: tagThunk, ref: s, env: inner}
	}
	for i := range a.binds {
		b := &a.binds[i]
		switch b.kind {
		case bindInherit:
			slots[i] = m.delay(b.value, outer)
		case bindFrom:
			slots[i] = m.inherited(b, sources[b.source])
		case bindPlain:
			slots[i] = m.delay(b.value, inner)
		}
	}
}

// inherited is the delayed value of a name of `inherit (source) name;`.
func (m *machine) inherited(b *binding, source *value) *value {
	m.charge(2 * sizeValue)
	return lazyValue(func(m *machine) (*value, error) {
		if err := m.wantAttrs(source, b.pos); err != nil {
			return nil, err
		}
		return m.member(source.attrs(), b.name, b.pos)
	})
}

// member returns the known value of an attribute that must be there.
func (m *machine) member(set *attrs, name string, at pos) (*value, error) {
	a := set.get(name)
	if a == nil {
		return nil, missing(set, name, at)
	}
	if err := m.force(a.val, at); err != nil {
		return nil, traced(err, a.at, "while evaluating the attribute '%s'", name)
	}
	return a.val, nil
}

func missing(set *attrs, name string, at pos) error {
	e := failf(at, "attribute '%s' missing", shorten(name))
	near := nearestTo(name)
	for _, a := range set.items {
		near.try(a.name)
	}
	if near.best != "" {
		e = e.try("did you mean '%s'?", near.best)
	}
	return e
}

func (a *attrsExpr) withDynamic(m *machine, set *attrs, scopes *env) (*value, error) {
	for _, d := range a.dynamic {
		name, ok, err := m.evalName(d.name, scopes)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if old := set.get(name); old != nil {
			return nil, failf(d.pos, "dynamic attribute '%s' is already defined at %s", shorten(name), old.at.position())
		}
		if err := m.reserve(d.pos, len(set.items)+1, sizeAttr); err != nil {
			return nil, err
		}
		set = set.update(&attrs{items: []attr{{name, m.delay(d.value, scopes), d.pos}}})
	}
	return attrsValue(set), nil
}

func (s *selectExpr) eval(m *machine, scopes *env) (*value, error) {
	v, err := m.eval(s.subject, scopes)
	for i := 0; err == nil && i < len(s.path); i++ {
		n := &s.path[i]
		var name string
		if name, err = m.pathName(n, scopes); err != nil {
			return nil, err
		}
		if s.otherwise != nil && (v.tag != tagAttrs || v.attrs().get(name) == nil) {
			return m.eval(s.otherwise, scopes)
		}
		if err = m.want(v, tagAttrs, s.pos); err != nil {
			return nil, err
		}
		v, err = m.member(v.attrs(), name, n.pos)
	}
	return v, err
}

// pathName returns the name of one step of an attribute path.
func (m *machine) pathName(n *attrName, scopes *env) (string, error) {
	if n.dynamic == nil {
		return n.name, nil
	}
	v, err := m.eval(n.dynamic, scopes)
	if err != nil {
		return "", err
	}
	return v.str, m.want(v, tagString, n.pos)
}

func (h *hasExpr) eval(m *machine, scopes *env) (*value, error) {
	v, err := m.eval(h.subject, scopes)
	if err != nil {
		return nil, err
	}
	for i := range h.path {
		name, err := m.pathName(&h.path[i], scopes)
		if err != nil {
			return nil, err
		}
		if v.tag != tagAttrs {
			return falseValue, nil
		}
		a := v.attrs().get(name)
		if a == nil {
			return falseValue, nil
		}
		v = a.val
		if i == len(h.path)-1 {
			break
		}
		if err := m.force(v, h.path[i].pos); err != nil {
			return nil, err
		}
	}
	return trueValue, nil
}
