package nixlang

import "strings"

// equal compares two known values as `==` does. Functions are never equal.
func (m *machine) equal(a, b *value, at pos) (bool, error) {
	if a.isNumber() && b.isNumber() {
		if a.tag == tagInt && b.tag == tagInt {
			return a.num == b.num, nil
		}
		return a.number() == b.number(), nil
	}
	if a.tag != b.tag {
		return false, nil
	}
	switch a.tag {
	case tagNull:
		return true, nil
	case tagBool:
		return a.num == b.num, nil
	case tagString, tagPath:
		return a.str == b.str, nil
	case tagList:
		return m.equalLists(a.list(), b.list(), at)
	case tagAttrs:
		return m.equalAttrs(a.attrs(), b.attrs(), at)
	default:
		return false, nil
	}
}

// equalParts compares elements. One and the same value is equal to itself, even a function.
func (m *machine) equalParts(a, b *value, at pos) (bool, error) {
	if a == b {
		return true, m.step(at, 1)
	}
	if err := m.enter(at); err != nil {
		return false, err
	}
	defer func() { m.depth-- }()
	if err := m.force(a, at); err != nil {
		return false, err
	}
	if err := m.force(b, at); err != nil {
		return false, err
	}
	return m.equal(a, b, at)
}

func (m *machine) equalLists(a, b *list, at pos) (bool, error) {
	if len(a.items) != len(b.items) {
		return false, nil
	}
	for i := range a.items {
		if same, err := m.equalParts(a.items[i], b.items[i], at); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (m *machine) equalAttrs(a, b *attrs, at pos) (bool, error) {
	if len(a.items) != len(b.items) {
		return false, nil
	}
	for i := range a.items {
		if a.items[i].name != b.items[i].name {
			return false, nil
		}
		if same, err := m.equalParts(a.items[i].val, b.items[i].val, at); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// less compares two known values as `<` does: numbers, strings, paths, and lists of those.
func (m *machine) less(a, b *value, at pos) (bool, error) {
	switch {
	case a.tag == tagInt && b.tag == tagInt:
		return a.int() < b.int(), nil
	case a.isNumber() && b.isNumber():
		return a.number() < b.number(), nil
	case a.tag != b.tag:
	case a.tag == tagString, a.tag == tagPath:
		return strings.Compare(a.str, b.str) < 0, nil
	case a.tag == tagList:
		return m.lessLists(a.list(), b.list(), at)
	default:
		return false, failf(at, "cannot compare %s with %s: values of that type have no order", a.what(), b.what())
	}
	return false, failf(at, "cannot compare %s with %s", a.what(), b.what())
}

func (m *machine) lessLists(a, b *list, at pos) (bool, error) {
	for i := range b.items {
		if i == len(a.items) {
			return true, nil
		}
		same, err := m.equalParts(a.items[i], b.items[i], at)
		if err != nil {
			return false, err
		}
		if !same {
			return m.lessParts(a.items[i], b.items[i], at)
		}
	}
	return false, nil
}

func (m *machine) lessParts(a, b *value, at pos) (bool, error) {
	if err := m.enter(at); err != nil {
		return false, err
	}
	defer func() { m.depth-- }()
	if err := m.force(a, at); err != nil {
		return false, err
	}
	if err := m.force(b, at); err != nil {
		return false, err
	}
	return m.less(a, b, at)
}
