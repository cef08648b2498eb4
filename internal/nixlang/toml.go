package nixlang

import (
	"errors"
	"time"

	"github.com/BurntSushi/toml"
)

var tomlBuiltins = []primitive{
	{"fromTOML", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.stringArg(args[0], at)
		if err != nil {
			return nil, err
		}
		return m.fromTOML(at, s)
	}},
}

// maxTOMLDepth bounds what stands inside each other, in brackets or by dots: the parser recurses.
const maxTOMLDepth = 200

func (m *machine) fromTOML(at pos, s string) (*value, error) {
	if len(s) > m.limits.SourceBytes {
		return nil, failf(at, "the TOML text is larger than the limit SourceBytes of %d bytes", m.limits.SourceBytes)
	}
	if tomlDepth(s) > maxTOMLDepth {
		return nil, failf(at, "the TOML text has more than %d tables or lists inside each other", maxTOMLDepth)
	}
	if err := m.reserve(at, len(s), sizeValue); err != nil { // no byte becomes more than one value
		return nil, err
	}
	var data map[string]any
	_, err := toml.Decode(s, &data)
	if bad, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, failf(at, "cannot read this as TOML, line %d: %s", bad.Position.Line, bad.Message)
	}
	if err != nil {
		return nil, failf(at, "cannot read this as TOML: %v", err)
	}
	return m.ofTOML(at, data)
}

// tomlDepth is at least as deep as what s can mean. Text in strings counts too: it may look deeper.
func tomlDepth(s string) int {
	deepest, open, dots := 0, 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[', '{':
			open, dots = open+1, 0
		case ']', '}':
			open = max(0, open-1)
		case '.':
			dots++
		case '\n', ',', '=':
			dots = 0
		}
		deepest = max(deepest, open, dots)
	}
	return deepest
}

// ofTOML is a value of the parser's as one of ours. A table cannot hold itself.
func (m *machine) ofTOML(at pos, v any) (*value, error) {
	switch v := v.(type) {
	case map[string]any:
		items := make([]attr, 0, len(v))
		for name, part := range v {
			val, err := m.ofTOML(at, part)
			if err != nil {
				return nil, err
			}
			items = append(items, attr{name: name, val: val})
		}
		return attrsValue(newAttrs(items)), nil
	case []map[string]any:
		return tomlList(m, at, v)
	case []any:
		return tomlList(m, at, v)
	case string:
		return stringValue(v), nil
	case int64:
		return intValue(v), nil
	case float64:
		return floatValue(v), nil
	case bool:
		return boolValue(v), nil
	case time.Time:
		return nil, failf(at, "dates and times are not supported in TOML").try("put it in quotes")
	}
	return nil, failf(at, "cannot read a %T of TOML", v)
}

func tomlList[T any](m *machine, at pos, parts []T) (*value, error) {
	out := make([]*value, 0, len(parts))
	for _, part := range parts {
		val, err := m.ofTOML(at, part)
		if err != nil {
			return nil, err
		}
		out = append(out, val)
	}
	return listValue(out), nil
}
