package nixlang

import "slices"

// members is a set of options: each name that one of defs has, and each that o knows, with the value
// that all definitions of it come to. The values are delayed, so that one may name another.
func (m *machine) members(path string, o *Option, defs []definition) *value {
	by, first := map[string][]definition{}, map[string]pos{}
	for _, d := range defs {
		for _, a := range d.val.attrs().items {
			in := d.inside(a)
			if _, ok := first[a.name]; !ok {
				first[a.name] = in.at
			}
			by[a.name] = append(by[a.name], in)
		}
	}
	items := make([]attr, 0, len(by))
	for name := range by {
		items = append(items, attr{name: name, at: first[name]})
	}
	if o != nil && o.Form != Named {
		for name := range o.Fields {
			if by[name] == nil {
				items = append(items, attr{name: name})
			}
		}
	}
	set := newAttrs(items)
	set.options = true
	m.charge(len(items) * (sizeAttr + 2*sizeValue + len(path)))
	for i := range set.items {
		a := &set.items[i]
		here, of, said := nameBelow(path, a.name), o.field(a.name), by[a.name]
		a.val = lazyValue(func(m *machine) (*value, error) { return m.option(here, of, said, &a.at) })
	}
	return attrsValue(set)
}

func nameBelow(path, name string) string {
	if path == "" {
		return nameText(name)
	}
	return path + "." + nameText(name)
}

// option returns what the definitions of one place come to. at becomes the place of the one that won.
func (m *machine) option(path string, o *Option, defs []definition, at *pos) (*value, error) {
	if o.form() == Group {
		return m.group(path, o, defs)
	}
	live, err := m.standing(defs)
	if err != nil {
		return nil, traced(err, *at, "while evaluating the option '%s'", path)
	}
	if len(live) == 0 {
		*at = pos{}
		return m.undefined(path, o), nil
	}
	*at = live[0].at
	return m.together(path, o, live)
}

// group puts a group of options together. What is no set in its place is its value: whoever reads the
// declaration says what belongs there.
func (m *machine) group(path string, o *Option, defs []definition) (*value, error) {
	all, err := m.unwrap(defs, false)
	if err != nil {
		return nil, err
	}
	for i, d := range all {
		if d.val.tag == tagAttrs {
			continue
		}
		yes, err := m.holds(d)
		if err != nil {
			return nil, err
		}
		if yes {
			return all[i].val, nil
		}
		all[i].val = attrsValue(emptyAttrs)
	}
	return m.members(path, o, all), nil
}

// together merges definitions that all count.
func (m *machine) together(path string, o *Option, live []definition) (*value, error) {
	all := func(t tag) bool {
		return !slices.ContainsFunc(live, func(d definition) bool { return d.val.tag != t })
	}
	fresh := make([]definition, len(live)) // what decided between them is done with
	for i, d := range live {
		fresh[i] = definition{val: d.val, at: d.at}
	}
	switch form := o.form(); {
	case form == Many && all(tagList):
		return m.joined(fresh)
	case form == Submodule && all(tagAttrs):
		slices.Reverse(fresh) // as NixOS does at every submodule; only lists show it
		return m.members(path, o, fresh), nil
	case (form == Named || o == nil) && all(tagAttrs):
		return m.named(path, o, fresh)
	}
	return m.same(path, fresh)
}

// named is a set of names of the owner's choice: those of which a definition counts.
func (m *machine) named(path string, o *Option, defs []definition) (*value, error) {
	by := map[string][]definition{}
	var names []attr
	for _, d := range defs {
		for _, a := range d.val.attrs().items {
			if by[a.name] == nil {
				names = append(names, attr{name: a.name})
			}
			by[a.name] = append(by[a.name], d.inside(a))
		}
	}
	set := newAttrs(names)
	m.charge(len(set.items) * (sizeAttr + 2*sizeValue + 2*len(path)))
	kept := make([]attr, 0, len(set.items))
	for _, a := range set.items {
		live, err := m.standing(by[a.name])
		if err != nil {
			return nil, traced(err, by[a.name][0].at, "while evaluating the option '%s'", nameBelow(path, a.name))
		}
		if len(live) == 0 {
			continue
		}
		here, of := nameBelow(path, a.name), o.field(a.name)
		a.at = live[0].at
		a.val = lazyValue(func(m *machine) (*value, error) { return m.together(here, of, live) })
		kept = append(kept, a)
	}
	return attrsValue(&attrs{items: kept, options: true}), nil
}

// joined is one list of several. An element may be wrapped into properties too.
func (m *machine) joined(defs []definition) (*value, error) {
	out := &list{}
	for _, d := range defs {
		l := d.val.list()
		if err := m.reserve(d.at, len(l.items), 3*sizeItem); err != nil {
			return nil, err
		}
		for i, item := range l.items {
			at := nearer(l.place(i), d.at)
			live, err := m.standing([]definition{{val: item, at: at}})
			if err != nil {
				return nil, err
			}
			for _, one := range live {
				out.items, out.places = append(out.items, one.val), append(out.places, one.at)
			}
		}
	}
	return &value{tag: tagList, ref: out}, nil
}

// same is the one value of definitions that must not differ.
func (m *machine) same(path string, defs []definition) (*value, error) {
	first := defs[0]
	for _, d := range defs[1:] {
		equal, err := m.equal(first.val, d.val, d.at)
		if err != nil {
			return nil, err
		}
		if !equal {
			return nil, failf(d.at, "'%s' is %s here and %s at %s, and neither has priority", path,
				m.brief(d.val), m.brief(first.val), first.at.position()).
				try("put lib.mkForce before the one that is to win, or lib.mkDefault before the one that is to yield")
		}
	}
	return first.val, nil
}

// brief shows a value in an error: a scalar as it is, of all else its sort.
func (m *machine) brief(v *value) string {
	if v.kind() < List {
		if s, err := m.show(v); err == nil {
			return shorten(s)
		}
	}
	return v.what()
}
