package nixlang

import "strings"

func (n *notExpr) eval(m *machine, scopes *env) (*value, error) {
	b, err := m.evalBool(n.operand, scopes)
	return boolValue(!b), err
}

func (n *negateExpr) eval(m *machine, scopes *env) (*value, error) {
	v, err := m.eval(n.operand, scopes)
	if err != nil {
		return nil, err
	}
	return subtract(intValue(0), v, n.operand.at())
}

func (b *binaryExpr) eval(m *machine, scopes *env) (*value, error) {
	if b.op == tokAnd || b.op == tokOr || b.op == tokImplies {
		return b.evalLogic(m, scopes)
	}
	l, err := m.eval(b.left, scopes)
	if err != nil {
		return nil, err
	}
	if b.op == tokPlus {
		return m.evalPlus(b, l, scopes)
	}
	r, err := m.eval(b.right, scopes)
	if err != nil {
		return nil, err
	}
	return m.binary(b, l, r)
}

// evalLogic leaves the right side alone where the left one decides.
func (b *binaryExpr) evalLogic(m *machine, scopes *env) (*value, error) {
	l, err := m.evalBool(b.left, scopes)
	if err != nil {
		return nil, err
	}
	switch {
	case b.op == tokAnd && !l:
		return falseValue, nil
	case b.op == tokOr && l, b.op == tokImplies && !l:
		return trueValue, nil
	}
	r, err := m.evalBool(b.right, scopes)
	return boolValue(r), err
}

func (m *machine) binary(b *binaryExpr, l, r *value) (*value, error) {
	switch b.op {
	case tokEq, tokNe:
		same, err := m.equal(l, r, b.mark)
		return boolValue(same == (b.op == tokEq)), err
	case tokLess, tokGreater, tokLessEq, tokGreaterEq:
		return m.evalOrder(b, l, r)
	case tokUpdate:
		return m.evalUpdate(b, l, r)
	case tokConcat:
		return m.evalConcat(b, l, r)
	default:
		return evalArithmetic(b, l, r)
	}
}

func evalArithmetic(b *binaryExpr, l, r *value) (*value, error) {
	if err := wantNumber(l, b.left.at()); err != nil {
		return nil, err
	}
	if err := wantNumber(r, b.right.at()); err != nil {
		return nil, err
	}
	switch b.op {
	case tokMinus:
		return subtract(l, r, b.mark)
	case tokTimes:
		return multiply(l, r, b.mark)
	default:
		return divide(l, r, b.mark)
	}
}

// evalOrder has all comparisons from less-than, as Nix does: a <= b is !(b < a).
func (m *machine) evalOrder(b *binaryExpr, l, r *value) (*value, error) {
	swap := b.op == tokGreater || b.op == tokLessEq
	if swap {
		l, r = r, l
	}
	is, err := m.less(l, r, b.mark)
	negate := b.op == tokLessEq || b.op == tokGreaterEq
	return boolValue(is != negate), err
}

func (m *machine) evalUpdate(b *binaryExpr, l, r *value) (*value, error) {
	if err := m.want(l, tagAttrs, b.left.at()); err != nil {
		return nil, err
	}
	if err := m.want(r, tagAttrs, b.right.at()); err != nil {
		return nil, err
	}
	if err := m.reserve(b.mark, len(l.attrs().items)+len(r.attrs().items), sizeAttr); err != nil {
		return nil, err
	}
	return attrsValue(l.attrs().update(r.attrs())), nil
}

func (m *machine) evalConcat(b *binaryExpr, l, r *value) (*value, error) {
	if err := m.want(l, tagList, b.left.at()); err != nil {
		return nil, err
	}
	if err := m.want(r, tagList, b.right.at()); err != nil {
		return nil, err
	}
	return m.concat(b.mark, []*value{l, r})
}

// concat joins known lists and keeps the places of their elements.
func (m *machine) concat(at pos, lists []*value) (*value, error) {
	n := 0
	for _, v := range lists {
		n += len(v.list().items)
	}
	if err := m.reserve(at, n, sizeItem+16); err != nil {
		return nil, err
	}
	out := &list{items: make([]*value, 0, n), places: make([]pos, n)}
	for _, v := range lists {
		copy(out.places[len(out.items):], v.list().places)
		out.items = append(out.items, v.list().items...)
	}
	return &value{tag: tagList, ref: out}, nil
}

// evalPlus adds numbers or joins text; the left side decides which.
func (m *machine) evalPlus(b *binaryExpr, l *value, scopes *env) (*value, error) {
	r, err := m.eval(b.right, scopes)
	if err != nil {
		return nil, err
	}
	if l.isNumber() {
		if !r.isNumber() {
			return nil, failf(b.right.at(), "cannot add %s to %s", r.what(), l.what())
		}
		return add(l, r, b.mark)
	}
	if l.tag == tagPath {
		return m.extendPath(l, r, b.right.at())
	}
	left, err := m.text(l, b.left.at(), coerceStrict)
	if err != nil {
		return nil, err
	}
	right, err := m.text(r, b.right.at(), coerceStrict)
	if err != nil {
		return nil, err
	}
	return m.joinText(b.mark, left, right)
}

func (m *machine) joinText(at pos, parts ...string) (*value, error) {
	n := 0
	for _, s := range parts {
		n += len(s)
	}
	if err := m.reserve(at, n+sizeValue, 1); err != nil {
		return nil, err
	}
	return stringValue(strings.Join(parts, "")), nil
}

func (t *textExpr) eval(m *machine, scopes *env) (*value, error) {
	parts := make([]string, len(t.parts))
	for i, e := range t.parts {
		v, err := m.eval(e, scopes)
		if err != nil {
			return nil, err
		}
		if parts[i], err = m.text(v, e.at(), coerceStrict); err != nil {
			return nil, err
		}
	}
	return m.joinText(t.pos, parts...)
}
