package nixlang

// delay returns e's value without evaluating it: what is at hand is returned as it is.
func (m *machine) delay(e expr, scopes *env) *value {
	switch x := e.(type) {
	case *literal:
		return x.val
	case *pathExpr:
		if v := x.plain(m); v != nil {
			return v
		}
	case *variable:
		if x.withs != nil {
			break
		}
		if v := scopes.ancestor(x.level).slots[x.index]; v != nil { // nil: a scope that is being filled
			return v
		}
	}
	m.charge(sizeValue)
	return &value{tag: tagThunk, ref: e, env: scopes}
}

func lazyValue(f lazy) *value {
	return &value{tag: tagLazy, ref: f}
}

// force makes v known. A value that is needed for its own evaluation is an infinite recursion; one
// that fails stays delayed and fails the same way again.
func (m *machine) force(v *value, at pos) error {
	switch v.tag {
	case tagThunk, tagLazy:
		return m.run(v, at)
	case tagBusy:
		return failf(at, "infinite recursion encountered")
	default:
		return nil
	}
}

func (m *machine) run(v *value, at pos) error {
	delayed := *v
	*v = value{tag: tagBusy}
	known, err := m.evaluate(&delayed, at)
	if err != nil {
		*v = delayed
		return placed(err, at)
	}
	*v = *known
	return nil
}

func (m *machine) evaluate(v *value, at pos) (*value, error) {
	if v.tag == tagThunk {
		return m.eval(v.expr(), v.env)
	}
	if err := m.enter(at); err != nil {
		return nil, err
	}
	defer func() { m.depth-- }()
	known, err := v.lazy()(m)
	if err != nil {
		return nil, err
	}
	return known, m.force(known, at)
}

// eval evaluates e to weak head normal form.
func (m *machine) eval(e expr, scopes *env) (*value, error) {
	if err := m.enter(e.at()); err != nil {
		return nil, err
	}
	v, err := e.eval(m, scopes)
	m.depth--
	return v, err
}
