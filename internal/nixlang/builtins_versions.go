package nixlang

import (
	"strings"
)

var versionBuiltins = []primitive{
	{"compareVersions", 2, func(m *machine, at pos, args []*value) (*value, error) {
		a, err := m.stringArg(args[0], at)
		if err != nil {
			return nil, err
		}
		b, err := m.stringArg(args[1], at)
		if err != nil {
			return nil, err
		}
		return intValue(int64(compareVersions(a, b))), m.step(at, len(a)+len(b))
	}},
	{"splitVersion", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.stringArg(args[0], at)
		if err != nil {
			return nil, err
		}
		out, err := m.items(at, len(s))
		for part, rest := nextComponent(s); part != "" && err == nil; part, rest = nextComponent(rest) {
			m.charge(sizeValue)
			out = append(out, stringValue(part))
		}
		return listValue(out), err
	}},
	{"parseDrvName", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.stringArg(args[0], at)
		if err != nil {
			return nil, err
		}
		name, version := s, ""
		for i := 0; i+1 < len(s); i++ {
			if s[i] == '-' && !isLetter(s[i+1]) {
				name, version = s[:i], s[i+1:]
				break
			}
		}
		return attrsValue(newAttrs([]attr{
			{name: "name", val: stringValue(name)}, {name: "version", val: stringValue(version)},
		})), nil
	}},
}

// nextComponent cuts the first component off a version: digits, or anything else up to a digit, a
// dot or a dash.
func nextComponent(s string) (part, rest string) {
	s = strings.TrimLeft(s, ".-")
	if s == "" {
		return "", ""
	}
	digits := isDigit(s[0])
	n := run(s, 0, func(c byte) bool { return c != '.' && c != '-' && isDigit(c) == digits })
	return s[:n], s[n:]
}

// compareVersions follows the manual of nix-env, chapter "Versions".
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = nextComponent(a)
		y, b = nextComponent(b)
		if componentLess(x, y) {
			return -1
		}
		if componentLess(y, x) {
			return 1
		}
	}
	return 0
}

// componentLess orders numbers by value, after words; "pre" comes before everything.
func componentLess(x, y string) bool {
	nx, ny := isNumeric(x), isNumeric(y)
	switch {
	case nx && ny:
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return len(x) < len(y)
		}
		return x < y
	case x == "" && ny:
		return true
	case x == "pre" && y != "pre":
		return true
	case y == "pre":
		return false
	case ny:
		return true
	case nx:
		return false
	}
	return x < y
}

func isNumeric(s string) bool { return s != "" && isDigit(s[0]) }
