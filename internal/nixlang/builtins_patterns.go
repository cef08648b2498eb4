package nixlang

import (
	"regexp"
	"strings"
)

// Regular expressions are POSIX extended ones, matched in linear time; the compiler behind them
// bounds how large a repetition may get.

var patternBuiltins = []primitive{
	{"match", 2, match},
	{"split", 2, split},
}

const maxPattern = 4096 // bytes of a regular expression

func (m *machine) pattern(at pos, v *value, around string) (*regexp.Regexp, error) {
	s, err := m.stringArg(v, at)
	if err != nil {
		return nil, err
	}
	if len(s) > maxPattern {
		return nil, failf(at, "this regular expression has %d bytes, more than %d", len(s), maxPattern)
	}
	re, err := regexp.CompilePOSIX(strings.Replace(around, "%", s, 1))
	if err != nil {
		return nil, failf(at, "invalid regular expression '%s'", shorten(s))
	}
	return re, m.reserve(at, len(s), 64)
}

// matching counts the work of running an expression over text.
func (m *machine) matching(at pos, re *regexp.Regexp, text string) error {
	return m.step(at, len(text)*(1+len(re.String())/16)/4)
}

func match(m *machine, at pos, args []*value) (*value, error) {
	re, err := m.pattern(at, args[0], "^(%)$")
	if err != nil {
		return nil, err
	}
	s, err := m.stringArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if err := m.matching(at, re, s); err != nil {
		return nil, err
	}
	found := re.FindStringSubmatchIndex(s)
	if found == nil {
		return nullValue, nil
	}
	return m.groups(at, s, found[4:])
}

// groups is the list of what each group matched: null for one that took no part.
func (m *machine) groups(at pos, s string, bounds []int) (*value, error) {
	if err := m.reserve(at, len(bounds)/2+1, sizeItem+sizeValue); err != nil {
		return nil, err
	}
	out := make([]*value, 0, len(bounds)/2)
	for i := 0; i+1 < len(bounds); i += 2 {
		if bounds[i] < 0 {
			out = append(out, nullValue)
			continue
		}
		out = append(out, stringValue(s[bounds[i]:bounds[i+1]]))
	}
	return listValue(out), nil
}

// split gives the text between matches, and between those the groups of each match.
func split(m *machine, at pos, args []*value) (*value, error) {
	re, err := m.pattern(at, args[0], "%")
	if err != nil {
		return nil, err
	}
	s, err := m.stringArg(args[1], at)
	if err != nil {
		return nil, err
	}
	if err := m.matching(at, re, s); err != nil {
		return nil, err
	}
	var out []*value
	last := 0
	for _, found := range re.FindAllStringSubmatchIndex(s, -1) {
		groups, err := m.groups(at, s, found[2:])
		if err != nil {
			return nil, err
		}
		m.charge(2 * sizeValue)
		out = append(out, stringValue(s[last:found[0]]), groups)
		last = found[1]
	}
	return listValue(append(out, stringValue(s[last:]))), nil
}
