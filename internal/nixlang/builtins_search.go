package nixlang

var listSearchBuiltins = []primitive{
	{"elem", 2, func(m *machine, at pos, args []*value) (*value, error) {
		l, err := m.listArg(args[1], at)
		if err != nil {
			return nil, err
		}
		for _, item := range l.items {
			if same, err := m.equalParts(args[0], item, at); same || err != nil {
				return boolValue(same), err
			}
		}
		return falseValue, nil
	}},
	quantifier("any", true),
	quantifier("all", false),
	{"filter", 2, func(m *machine, at pos, args []*value) (*value, error) {
		right, _, err := m.divideList(at, args)
		if err != nil {
			return nil, err
		}
		return &value{tag: tagList, ref: right}, nil
	}},
	{"partition", 2, func(m *machine, at pos, args []*value) (*value, error) {
		right, wrong, err := m.divideList(at, args)
		if err != nil {
			return nil, err
		}
		return attrsValue(newAttrs([]attr{
			{name: "right", val: &value{tag: tagList, ref: right}},
			{name: "wrong", val: &value{tag: tagList, ref: wrong}},
		})), nil
	}},
	{"groupBy", 2, groupBy},
}

// quantifier is any (which ends at the first true) or all (at the first false).
func quantifier(name string, until bool) primitive {
	return primitive{name, 2, func(m *machine, at pos, args []*value) (*value, error) {
		l, err := m.listArg(args[1], at)
		if err != nil {
			return nil, err
		}
		for _, item := range l.items {
			is, err := m.boolCall(at, args[0], item)
			if err != nil {
				return nil, err
			}
			if is == until {
				return boolValue(until), nil
			}
		}
		return boolValue(!until), nil
	}}
}

// divideList divides the list args[1] by what args[0] says of each element.
func (m *machine) divideList(at pos, args []*value) (right, wrong *list, err error) {
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, nil, err
	}
	if err := m.reserve(at, len(l.items), sizeItem+16); err != nil {
		return nil, nil, err
	}
	right, wrong = &list{}, &list{}
	for i, item := range l.items {
		is, err := m.boolCall(at, args[0], item)
		if err != nil {
			return nil, nil, err
		}
		into := wrong
		if is {
			into = right
		}
		into.items = append(into.items, item)
		into.places = append(into.places, l.place(i))
	}
	return right, wrong, nil
}

func groupBy(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, len(l.items), sizeItem+sizeAttr); err != nil {
		return nil, err
	}
	groups := map[string][]*value{}
	for _, item := range l.items {
		key, err := m.apply(args[0], at, item)
		if err != nil {
			return nil, err
		}
		if err := m.want(key, tagString, at); err != nil {
			return nil, err
		}
		groups[key.str] = append(groups[key.str], item)
	}
	items := make([]attr, 0, len(groups))
	for name, g := range groups {
		items = append(items, attr{name: name, val: listValue(g)})
	}
	return attrsValue(newAttrs(items)), nil
}
