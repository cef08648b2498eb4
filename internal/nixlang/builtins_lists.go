package nixlang

var listBuiltins = []primitive{
	{"length", 1, func(m *machine, at pos, args []*value) (*value, error) {
		if err := m.forceTo(args[0], tagList, at); err != nil {
			return nil, err
		}
		return intValue(int64(len(args[0].list().items))), nil
	}},
	{"head", 1, func(m *machine, at pos, args []*value) (*value, error) {
		return m.elementAt(at, args[0], 0)
	}},
	{"elemAt", 2, func(m *machine, at pos, args []*value) (*value, error) {
		i, err := m.intArg(args[1], at)
		if err != nil {
			return nil, err
		}
		return m.elementAt(at, args[0], i)
	}},
	{"tail", 1, tail},
	{"map", 2, mapList},
	{"genList", 2, genList},
	{"concatLists", 1, concatLists},
	{"concatMap", 2, concatMap},
	{"foldl'", 3, foldLeft},
	{"sort", 2, sortList},
	{"genericClosure", 1, genericClosure},
}

func (m *machine) elementAt(at pos, v *value, i int64) (*value, error) {
	if err := m.forceTo(v, tagList, at); err != nil {
		return nil, err
	}
	items := v.list().items
	if i < 0 || i >= int64(len(items)) {
		return nil, failf(at, "list index %d is out of bounds of a list of %d elements", i, len(items))
	}
	return items[i], m.force(items[i], at)
}

func tail(m *machine, at pos, args []*value) (*value, error) {
	if err := m.forceTo(args[0], tagList, at); err != nil {
		return nil, err
	}
	l := args[0].list()
	if len(l.items) == 0 {
		return nil, failf(at, "'tail' called on an empty list")
	}
	m.charge(2 * sizeValue)
	rest := &list{items: l.items[1:]}
	if l.places != nil {
		rest.places = l.places[1:]
	}
	return &value{tag: tagList, ref: rest}, nil
}

func mapList(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, err
	}
	out, err := m.items(at, len(l.items))
	if err != nil {
		return nil, err
	}
	for _, item := range l.items {
		out = append(out, m.later(at, args[0], item))
	}
	return &value{tag: tagList, ref: &list{items: out, places: l.places}}, nil
}

func genList(m *machine, at pos, args []*value) (*value, error) {
	n, err := m.intArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, failf(at, "cannot create list of size %d", n)
	}
	const each = sizeItem + 4*sizeValue
	if err := m.reserve(at, int(n), each); err != nil {
		return nil, err
	}
	out := make([]*value, n)
	for i := range out {
		out[i] = m.later(at, args[0], intValue(int64(i)))
	}
	return listValue(out), nil
}

func concatLists(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[0], at)
	if err != nil {
		return nil, err
	}
	for _, item := range l.items {
		if err := m.forceTo(item, tagList, at); err != nil {
			return nil, err
		}
	}
	return m.concat(at, l.items)
}

func concatMap(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, err
	}
	lists, err := m.items(at, len(l.items))
	if err != nil {
		return nil, err
	}
	for _, item := range l.items {
		v, err := m.apply(args[0], at, item)
		if err != nil {
			return nil, err
		}
		if err := m.want(v, tagList, at); err != nil {
			return nil, err
		}
		lists = append(lists, v)
	}
	return m.concat(at, lists)
}

func foldLeft(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[2], at)
	if err != nil {
		return nil, err
	}
	sum := args[1]
	for _, item := range l.items {
		if sum, err = m.apply(args[0], at, sum, item); err != nil {
			return nil, err
		}
	}
	return sum, m.force(sum, at)
}

func sortList(m *machine, at pos, args []*value) (*value, error) {
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, 2*len(l.items), sizeItem); err != nil {
		return nil, err
	}
	sorted := append([]*value(nil), l.items...)
	less := func(a, b *value) (bool, error) { return m.boolCall(at, args[0], a, b) }
	if err := mergeSort(sorted, make([]*value, len(sorted)), less); err != nil {
		return nil, err
	}
	return listValue(sorted), nil
}

// mergeSort is stable, stops at the first error, and ends whatever less says.
func mergeSort(s, spare []*value, less func(a, b *value) (bool, error)) error {
	if len(s) < 2 {
		return nil
	}
	half := len(s) / 2
	if err := mergeSort(s[:half], spare[:half], less); err != nil {
		return err
	}
	if err := mergeSort(s[half:], spare[half:], less); err != nil {
		return err
	}
	copy(spare, s)
	l, r := spare[:half], spare[half:]
	for i := range s {
		fromRight := len(l) == 0
		if len(l) > 0 && len(r) > 0 {
			var err error
			if fromRight, err = less(r[0], l[0]); err != nil {
				return err
			}
		}
		if fromRight {
			s[i], r = r[0], r[1:]
		} else {
			s[i], l = l[0], l[1:]
		}
	}
	return nil
}

// genericClosure follows operator from startSet on and returns each element once, by its key.
func genericClosure(m *machine, at pos, args []*value) (*value, error) {
	set, err := m.attrsArg(args[0], at)
	if err != nil {
		return nil, err
	}
	start, err := m.member(set, "startSet", at)
	if err != nil {
		return nil, err
	}
	operator, err := m.member(set, "operator", at)
	if err != nil {
		return nil, err
	}
	first, err := m.listArg(start, at)
	if err != nil {
		return nil, err
	}
	work := append([]*value(nil), first.items...)
	var seen []*value
	for len(work) > 0 {
		item := work[0]
		work = work[1:]
		fresh, err := m.freshKey(at, item, &seen)
		if err != nil {
			return nil, err
		}
		if !fresh {
			continue
		}
		more, err := m.apply(operator, at, item)
		if err != nil {
			return nil, err
		}
		l, err := m.listArg(more, at)
		if err != nil {
			return nil, err
		}
		if err := m.reserve(at, len(l.items), sizeItem); err != nil {
			return nil, err
		}
		work = append(work, l.items...)
	}
	return listValue(seen), nil
}

// freshKey puts item into the elements seen, unless one with the same key is there.
func (m *machine) freshKey(at pos, item *value, seen *[]*value) (bool, error) {
	set, err := m.attrsArg(item, at)
	if err != nil {
		return false, err
	}
	key, err := m.member(set, "key", at)
	if err != nil {
		return false, err
	}
	for _, s := range *seen {
		same, err := m.equalParts(s.attrs().get("key").val, key, at)
		if same || err != nil {
			return false, err
		}
	}
	m.charge(sizeItem)
	*seen = append(*seen, item)
	return true, nil
}
