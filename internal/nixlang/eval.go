package nixlang

func (l *literal) eval(*machine, *env) (*value, error) { return l.val, nil }

func (a *absentExpr) eval(*machine, *env) (*value, error) {
	return nil, failf(a.pos, "%s %s", a.text, a.why).try("%s", a.hint)
}

func (c *curPosExpr) eval(m *machine, _ *env) (*value, error) {
	return m.positionValue(c.pos), nil
}

func (v *variable) eval(m *machine, scopes *env) (*value, error) {
	if v.withs != nil {
		return v.lookUp(m, scopes)
	}
	val := scopes.ancestor(v.level).slots[v.index]
	return val, m.force(val, v.pos)
}

// lookUp asks the sets of the `with`s around, the innermost first.
func (v *variable) lookUp(m *machine, scopes *env) (*value, error) {
	for _, level := range v.withs {
		set := scopes.ancestor(level).slots[0]
		if err := m.wantAttrs(set, v.pos); err != nil {
			return nil, err
		}
		if a := set.attrs().get(v.name); a != nil {
			return a.val, m.force(a.val, v.pos)
		}
	}
	return nil, failf(v.pos, "undefined variable '%s'", v.name)
}

func (l *listExpr) eval(m *machine, scopes *env) (*value, error) {
	m.charge(sizeValue + len(l.items)*(sizeItem+16))
	out := &list{items: make([]*value, len(l.items)), places: make([]pos, len(l.items))}
	for i, e := range l.items {
		out.items[i], out.places[i] = m.delay(e, scopes), e.at()
	}
	return &value{tag: tagList, ref: out}, nil
}

func (l *letExpr) eval(m *machine, scopes *env) (*value, error) {
	inner := m.open(scopes, len(l.set.binds))
	l.set.fill(m, scopes, inner, inner.slots)
	return m.eval(l.body, inner)
}

// open makes a scope of n slots inside up.
func (m *machine) open(up *env, n int) *env {
	m.charge(sizeEnv + n*sizeItem)
	return &env{up: up, slots: make([]*value, n)}
}

func (w *withExpr) eval(m *machine, scopes *env) (*value, error) {
	inner := m.open(scopes, 1)
	inner.slots[0] = m.delay(w.set, scopes)
	return m.eval(w.body, inner)
}

func (i *ifExpr) eval(m *machine, scopes *env) (*value, error) {
	yes, err := m.evalBool(i.cond, scopes)
	if err != nil {
		return nil, err
	}
	if yes {
		return m.eval(i.yes, scopes)
	}
	return m.eval(i.no, scopes)
}

func (a *assertExpr) eval(m *machine, scopes *env) (*value, error) {
	ok, err := m.evalBool(a.cond, scopes)
	if err != nil {
		return nil, err
	}
	if !ok {
		e := failf(a.pos, "assertion '%s' failed", shorten(printed(a.cond)))
		e.catchable = true
		return nil, e
	}
	return m.eval(a.body, scopes)
}

func (f *lambda) eval(m *machine, scopes *env) (*value, error) {
	m.charge(sizeValue)
	return &value{tag: tagLambda, ref: f, env: scopes}, nil
}

func (m *machine) evalBool(e expr, scopes *env) (bool, error) {
	v, err := m.eval(e, scopes)
	if err != nil {
		return false, err
	}
	return v.bool(), m.want(v, tagBool, e.at())
}

// evalName evaluates the name of a dynamic attribute. null means that there is none.
func (m *machine) evalName(n expr, scopes *env) (name string, ok bool, err error) {
	v, err := m.eval(n, scopes)
	if err != nil || v.tag == tagNull {
		return "", false, err
	}
	return v.str, true, m.want(v, tagString, n.at())
}
