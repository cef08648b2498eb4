package nixlang

import "errors"

var controlBuiltins = []primitive{
	{"throw", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.text(args[0], at, coerceStrict)
		if err != nil {
			return nil, err
		}
		e := failf(at, "%s", s)
		e.catchable = true
		return nil, e
	}},
	{"abort", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.text(args[0], at, coerceStrict)
		if err != nil {
			return nil, err
		}
		return nil, failf(at, "evaluation aborted with the following error message: '%s'", s)
	}},
	{"tryEval", 1, tryEval},
	{"seq", 2, func(m *machine, at pos, args []*value) (*value, error) {
		if err := m.force(args[0], at); err != nil {
			return nil, err
		}
		return args[1], m.force(args[1], at)
	}},
	{"deepSeq", 2, func(m *machine, at pos, args []*value) (*value, error) {
		if err := m.forceDeep(args[0], at, map[any]bool{}); err != nil {
			return nil, err
		}
		return args[1], m.force(args[1], at)
	}},
	{"trace", 2, func(m *machine, at pos, args []*value) (*value, error) {
		if err := m.traceOut(args[0], at); err != nil {
			return nil, err
		}
		return args[1], m.force(args[1], at)
	}},
	{"addErrorContext", 2, func(m *machine, at pos, args []*value) (*value, error) {
		err := m.force(args[1], at)
		if err == nil {
			return args[1], nil
		}
		if s, failed := m.text(args[0], at, coerceStrict); failed == nil {
			err = traced(err, at, "%s", s)
		}
		return nil, err
	}},
	{"getEnv", 1, func(m *machine, at pos, args []*value) (*value, error) {
		_, err := m.stringArg(args[0], at) // there is no environment: each variable is empty, as in pure Nix
		return stringValue(""), err
	}},
	{"break", 1, func(m *machine, at pos, args []*value) (*value, error) {
		return args[0], m.force(args[0], at) // there is no debugger to stop in
	}},
}

// tryEval catches throw and assert, nothing else: neither a type error nor a limit.
func tryEval(m *machine, at pos, args []*value) (*value, error) {
	depth := m.depth
	err := m.force(args[0], at)
	ok, val := true, args[0]
	if err != nil {
		e, is := errors.AsType[*Error](err)
		if !is || !e.catchable {
			return nil, err
		}
		m.depth, ok, val = depth, false, falseValue
	}
	return attrsValue(newAttrs([]attr{
		{name: "success", val: boolValue(ok)},
		{name: "value", val: val},
	})), nil
}

// traceOut hands a string to the sink as it is, anything else as Nix text.
func (m *machine) traceOut(v *value, at pos) error {
	if err := m.force(v, at); err != nil {
		return err
	}
	if v.tag == tagString {
		m.sink(v.str)
		return nil
	}
	s, err := m.show(v)
	if err == nil {
		m.sink(s)
	}
	return err
}

// forceDeep makes v and all its parts known. seen ends cycles.
func (m *machine) forceDeep(v *value, at pos, seen map[any]bool) error {
	if err := m.enter(at); err != nil {
		return err
	}
	defer func() { m.depth-- }()
	if err := m.force(v, at); err != nil {
		return err
	}
	if v.tag != tagAttrs && v.tag != tagList || seen[v.ref] {
		return nil
	}
	m.charge(sizeValue)
	seen[v.ref] = true
	if v.tag == tagList {
		for _, item := range v.list().items {
			if err := m.forceDeep(item, at, seen); err != nil {
				return err
			}
		}
		return nil
	}
	for _, a := range v.attrs().items {
		if err := m.forceDeep(a.val, at, seen); err != nil {
			return traced(err, a.at, "while evaluating the attribute '%s'", a.name)
		}
	}
	return nil
}
