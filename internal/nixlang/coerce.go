package nixlang

import (
	"strconv"
	"strings"
)

// want checks the sort of a known value.
func (m *machine) want(v *value, t tag, at pos) error {
	if v.tag == t {
		return nil
	}
	return failf(at, "value is %s while %s was expected", v.what(), (&value{tag: t}).what())
}

func (m *machine) wantAttrs(v *value, at pos) error { return m.forceTo(v, tagAttrs, at) }

// forceTo makes v known and checks its sort.
func (m *machine) forceTo(v *value, t tag, at pos) error {
	if err := m.force(v, at); err != nil {
		return err
	}
	return m.want(v, t, at)
}

// coercion says what may become text.
type coercion uint8

const (
	coerceStrict coercion = iota // in "${…}": strings, and sets that say how
	coercePaths                  // paths as well, as their own text
	coerceLoose                  // as builtins.toString: numbers, Booleans, null, lists too
)

// text returns v as text. at is where v stands.
func (m *machine) text(v *value, at pos, c coercion) (string, error) {
	if err := m.force(v, at); err != nil {
		return "", err
	}
	switch v.tag {
	case tagString:
		return v.str, nil
	case tagPath:
		if c == coerceStrict {
			return "", failf(at, "the path %s in a string would be copied to the Nix store, which is not available here", v.str).
				try("use toString to get the path itself")
		}
		return v.str, nil
	case tagAttrs:
		return m.attrsText(v, at, c)
	default:
		if c == coerceLoose {
			return m.looseText(v, at)
		}
		return "", notText(v, at)
	}
}

func notText(v *value, at pos) error {
	return failf(at, "cannot coerce %s to a string", v.what())
}

func (m *machine) attrsText(v *value, at pos, c coercion) (string, error) {
	if err := m.enter(at); err != nil {
		return "", err
	}
	defer func() { m.depth-- }()
	if f := v.attrs().get("__toString"); f != nil {
		r, err := m.apply(f.val, at, v)
		if err != nil {
			return "", err
		}
		return m.text(r, at, c)
	}
	if out := v.attrs().get("outPath"); out != nil {
		return m.text(out.val, at, c)
	}
	return "", notText(v, at)
}

func (m *machine) looseText(v *value, at pos) (string, error) {
	switch v.tag {
	case tagNull:
		return "", nil
	case tagBool:
		if v.bool() {
			return "1", nil
		}
		return "", nil
	case tagInt:
		return strconv.FormatInt(v.int(), 10), nil
	case tagFloat:
		return strconv.FormatFloat(v.float(), 'f', 6, 64), nil
	case tagList:
		return m.listText(v.list(), at)
	default:
		return "", notText(v, at)
	}
}

// listText joins the elements by spaces; an empty list leaves none behind it.
func (m *machine) listText(l *list, at pos) (string, error) {
	if err := m.enter(at); err != nil {
		return "", err
	}
	defer func() { m.depth-- }()
	var b strings.Builder
	for i, item := range l.items {
		s, err := m.text(item, at, coerceLoose)
		if err != nil {
			return "", err
		}
		if err := m.reserve(at, len(s)+1, 1); err != nil {
			return "", err
		}
		b.WriteString(s)
		empty := item.tag == tagList && len(item.list().items) == 0
		if i < len(l.items)-1 && !empty {
			b.WriteByte(' ')
		}
	}
	return b.String(), nil
}
