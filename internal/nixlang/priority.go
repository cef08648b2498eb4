package nixlang

import "slices"

// definition is what one module says of one place: a value that may be wrapped into properties, such
// as mkIf and mkForce. Those that stood around a group of options came down to each of them.
type definition struct {
	val   *value
	at    pos
	conds []*value // of each mkIf around it, not asked yet
	prio  int      // of the outermost mkOverride; 0: none
	order int      // of the outermost mkOrder; 0: none
}

// The numbers of NixOS. A lower one wins or comes first.
const (
	plainPriority = 100
	plainOrder    = 1000
)

func (d definition) priority() int {
	if d.prio == 0 {
		return plainPriority
	}
	return d.prio
}

func (d definition) turn() int {
	if d.order == 0 {
		return plainOrder
	}
	return d.order
}

// inside is the definition of a name in d, a group: it is under all that d is under.
func (d definition) inside(a attr) definition {
	return definition{val: a.val, at: nearer(a.at, d.at), conds: d.conds, prio: d.prio, order: d.order}
}

// unwrap takes the properties off each of defs. With ask, what is under a condition that does not hold
// is left out, and not looked at; without, conditions are kept for later.
func (m *machine) unwrap(defs []definition, ask bool) ([]definition, error) {
	var out []definition
	for _, d := range defs {
		yes, err := true, error(nil)
		if ask {
			yes, err = m.holds(d)
		}
		if err != nil {
			return nil, err
		}
		if !yes {
			continue
		}
		if out, err = m.unwrapOne(d, ask, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *machine) unwrapOne(d definition, ask bool, out []definition) ([]definition, error) {
	if err := m.enter(d.at); err != nil {
		return nil, err
	}
	defer func() { m.depth-- }()
	if err := m.force(d.val, d.at); err != nil {
		return nil, err
	}
	property, err := m.property(d.val, d.at)
	if err != nil {
		return nil, err
	}
	set := d.val
	switch property {
	case "if":
		cond, err := m.part(set, "condition", d.at)
		if err != nil {
			return nil, err
		}
		if !ask {
			m.charge((len(d.conds) + 1) * sizeItem)
			d.conds = append(slices.Clip(d.conds), cond)
		} else if yes, err := m.condition(cond, d.at); err != nil || !yes {
			return out, err
		}
	case "override":
		if d.prio, err = m.number(set, d.prio, d.at); err != nil {
			return nil, err
		}
	case "order":
		if d.order, err = m.number(set, d.order, d.at); err != nil {
			return nil, err
		}
	case "merge":
		return m.unwrapEach(set, d, ask, out)
	default:
		m.charge(2 * sizeValue)
		return append(out, d), nil
	}
	if d.val, err = m.part(set, "content", d.at); err != nil {
		return nil, err
	}
	return m.unwrapOne(d, ask, out)
}

func (m *machine) unwrapEach(set *value, d definition, ask bool, out []definition) ([]definition, error) {
	contents, err := m.part(set, "contents", d.at)
	if err != nil {
		return nil, err
	}
	all, err := m.listArg(contents, d.at)
	if err != nil {
		return nil, err
	}
	for i, item := range all.items {
		one := d
		one.val, one.at = item, nearer(all.place(i), d.at)
		if out, err = m.unwrapOne(one, ask, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// property returns the kind of a set that mkIf and its like have made; empty for any other value.
func (m *machine) property(v *value, at pos) (string, error) {
	if v.tag != tagAttrs {
		return "", nil
	}
	a := v.attrs().get("_type")
	if a == nil {
		return "", nil
	}
	if err := m.force(a.val, nearer(a.at, at)); err != nil || a.val.tag != tagString {
		return "", err
	}
	return a.val.str, nil
}

func (m *machine) part(set *value, name string, at pos) (*value, error) {
	a := set.attrs().get(name)
	if a == nil {
		return nil, missing(set.attrs(), name, at)
	}
	return a.val, nil
}

// number reads the priority of an override or order; one that stands further out is kept.
func (m *machine) number(set *value, outer int, at pos) (int, error) {
	v, err := m.part(set, "priority", at)
	if err != nil {
		return 0, err
	}
	n, err := m.intArg(v, at)
	switch {
	case err != nil:
		return 0, err
	case n < 1 || n > 1<<30:
		return 0, failf(at, "the priority %d is not between 1 and %d", n, 1<<30)
	case outer != 0:
		return outer, nil
	}
	return int(n), nil
}

// holds asks the conditions of d, outermost first.
func (m *machine) holds(d definition) (bool, error) {
	for _, c := range d.conds {
		if yes, err := m.condition(c, d.at); err != nil || !yes {
			return false, err
		}
	}
	return true, nil
}

func (m *machine) condition(c *value, at pos) (bool, error) {
	if err := m.forceTo(c, tagBool, at); err != nil {
		return false, traced(err, at, "while asking the condition of lib.mkIf")
	}
	return c.bool(), nil
}

// standing returns the definitions that count: unwrapped, with conditions that hold, and of the
// lowest priority number that there is. Those that say first or last stand there.
func (m *machine) standing(defs []definition) ([]definition, error) {
	all, err := m.unwrap(defs, true)
	if err != nil {
		return nil, err
	}
	var out []definition
	for _, d := range all {
		if len(out) > 0 && d.priority() > out[0].priority() {
			continue
		}
		if len(out) > 0 && d.priority() < out[0].priority() {
			out = out[:0]
		}
		out = append(out, d)
	}
	slices.SortStableFunc(out, func(a, b definition) int { return a.turn() - b.turn() })
	return out, nil
}
