package nixlang

var attrsBuiltins = []primitive{
	{"attrNames", 1, func(m *machine, at pos, args []*value) (*value, error) {
		set, err := m.attrsArg(args[0], at)
		if err != nil {
			return nil, err
		}
		return m.eachAttr(at, set, func(a attr) *value { return stringValue(a.name) })
	}},
	{"attrValues", 1, func(m *machine, at pos, args []*value) (*value, error) {
		set, err := m.attrsArg(args[0], at)
		if err != nil {
			return nil, err
		}
		return m.eachAttr(at, set, func(a attr) *value { return a.val })
	}},
	{"hasAttr", 2, func(m *machine, at pos, args []*value) (*value, error) {
		name, set, err := m.nameAndSet(at, args)
		if err != nil {
			return nil, err
		}
		return boolValue(set.get(name) != nil), nil
	}},
	{"getAttr", 2, func(m *machine, at pos, args []*value) (*value, error) {
		name, set, err := m.nameAndSet(at, args)
		if err != nil {
			return nil, err
		}
		return m.member(set, name, at)
	}},
	{"unsafeGetAttrPos", 2, func(m *machine, at pos, args []*value) (*value, error) {
		name, set, err := m.nameAndSet(at, args)
		if err != nil {
			return nil, err
		}
		if a := set.get(name); a != nil {
			return m.positionValue(a.at), nil
		}
		return nullValue, nil
	}},
	{"intersectAttrs", 2, intersectAttrs},
	{"removeAttrs", 2, removeAttrs},
	{"listToAttrs", 1, listToAttrs},
	{"mapAttrs", 2, mapAttrs},
	{"catAttrs", 2, catAttrs},
}

func (m *machine) nameAndSet(at pos, args []*value) (string, *attrs, error) {
	name, err := m.stringArg(args[0], at)
	if err != nil {
		return "", nil, err
	}
	if err := m.forceTo(args[1], tagAttrs, at); err != nil {
		return "", nil, err
	}
	return name, args[1].attrs(), nil
}

// eachAttr makes a list of what f gives for every attribute, in the order of names.
func (m *machine) eachAttr(at pos, set *attrs, f func(attr) *value) (*value, error) {
	if err := m.reserve(at, len(set.items), sizeItem+16+sizeValue); err != nil {
		return nil, err
	}
	out := &list{items: make([]*value, len(set.items)), places: make([]pos, len(set.items))}
	for i, a := range set.items {
		out.items[i], out.places[i] = f(a), a.at
	}
	return &value{tag: tagList, ref: out}, nil
}

// positionValue is what unsafeGetAttrPos and __curPos give; null where the place is not known.
func (m *machine) positionValue(at pos) *value {
	if !at.known() {
		return nullValue
	}
	m.charge(4 * sizeValue)
	p := at.position()
	return attrsValue(newAttrs([]attr{
		{name: "file", val: stringValue(p.File)},
		{name: "line", val: intValue(int64(p.Line))},
		{name: "column", val: intValue(int64(p.Column))},
	}))
}

// intersectAttrs gives the attributes of the second set whose names are in the first.
func intersectAttrs(m *machine, at pos, args []*value) (*value, error) {
	names, err := m.attrsArg(args[0], at)
	if err != nil {
		return nil, err
	}
	set, err := m.attrsArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, len(set.items), sizeAttr); err != nil {
		return nil, err
	}
	return attrsValue(set.keep(func(name string) bool { return names.get(name) != nil })), nil
}

func removeAttrs(m *machine, at pos, args []*value) (*value, error) {
	set, err := m.attrsArg(args[0], at)
	if err != nil {
		return nil, err
	}
	names, err := m.stringsArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, len(set.items)+len(names), sizeAttr); err != nil {
		return nil, err
	}
	gone := make(map[string]bool, len(names))
	for _, n := range names {
		gone[n] = true
	}
	return attrsValue(set.keep(func(name string) bool { return !gone[name] })), nil
}

// listToAttrs takes `{ name = …; value = …; }`; of two with one name the first counts.
func listToAttrs(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[0], at)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, len(l.items), sizeAttr); err != nil {
		return nil, err
	}
	items := make([]attr, 0, len(l.items))
	for _, item := range l.items {
		pair, err := m.attrsArg(item, at)
		if err != nil {
			return nil, err
		}
		name, err := m.member(pair, "name", at)
		if err != nil {
			return nil, err
		}
		if err := m.want(name, tagString, at); err != nil {
			return nil, err
		}
		val := pair.get("value")
		if val == nil {
			return nil, missing(pair, "value", at)
		}
		items = append(items, attr{name.str, val.val, val.at})
	}
	return attrsValue(newAttrs(items)), nil
}

func mapAttrs(m *machine, at pos, args []*value) (*value, error) {
	set, err := m.attrsArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, len(set.items), sizeAttr+sizeValue); err != nil {
		return nil, err
	}
	out := make([]attr, len(set.items))
	for i, a := range set.items {
		out[i] = attr{a.name, m.later(at, args[0], stringValue(a.name), a.val), a.at}
	}
	return attrsValue(&attrs{items: out}), nil
}

func catAttrs(m *machine, at pos, args []*value) (*value, error) {
	name, err := m.stringArg(args[0], at)
	if err != nil {
		return nil, err
	}
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, err
	}
	out, err := m.items(at, len(l.items))
	if err != nil {
		return nil, err
	}
	for _, item := range l.items {
		if err := m.forceTo(item, tagAttrs, at); err != nil {
			return nil, err
		}
		if a := item.attrs().get(name); a != nil {
			out = append(out, a.val)
		}
	}
	return listValue(out), nil
}

var attrsGroupBuiltins = []primitive{
	{"zipAttrsWith", 2, zipAttrsWith},
}

// zipAttrsWith calls a function with each name of a list of sets and all its values.
func zipAttrsWith(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, err
	}
	values := map[string][]*value{}
	for _, item := range l.items {
		set, err := m.attrsArg(item, at)
		if err != nil {
			return nil, err
		}
		if err := m.reserve(at, len(set.items), sizeAttr+sizeValue); err != nil {
			return nil, err
		}
		for _, a := range set.items {
			values[a.name] = append(values[a.name], a.val)
		}
	}
	items := make([]attr, 0, len(values))
	for name, vals := range values {
		items = append(items, attr{name: name, val: m.later(at, args[0], stringValue(name), listValue(vals))})
	}
	return attrsValue(newAttrs(items)), nil
}
