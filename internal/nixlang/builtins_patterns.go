package nixlang

import (
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Regular expressions are POSIX extended ones over bytes, as in Nix, where the longest match wins.
// Go's engine takes linear time for one search; every byte it reads counts as steps.

var patternBuiltins = []primitive{
	{"match", 2, match},
	{"split", 2, split},
}

// maxWeight bounds the size of a compiled expression; a{1000} weighs 1000.
const maxWeight = 20_000

// regex is a regular expression and what one byte of text costs it.
type regex struct {
	whole *regexp.Regexp // from the beginning of a text to its end
	first *regexp.Regexp // anywhere
	later *regexp.Regexp // anywhere, where the beginning of the text has gone by
	cost  int
}

func (m *machine) regex(at pos, v *value) (*regex, error) {
	s, err := m.stringArg(v, at)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, len(s), 64); err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(bytesAsRunes(literalBrackets(s)), syntax.OneLine|syntax.DotNL)
	if err != nil {
		return nil, failf(at, "invalid regular expression '%s'", shorten(s))
	}
	weight := weigh(tree)
	if weight > maxWeight {
		return nil, failf(at, "the regular expression '%s' is too large", shorten(s)).try("repeat fewer times")
	}
	if err := m.reserve(at, weight, 512); err != nil {
		return nil, err
	}
	text := tree.String()
	passBeginning(tree)
	p := &regex{cost: 1 + weight/32}
	for into, expr := range map[**regexp.Regexp]string{
		&p.whole: "^(?:" + text + ")$", &p.first: text, &p.later: tree.String(),
	} {
		re, err := regexp.Compile(expr)
		if err != nil {
			return nil, failf(at, "invalid regular expression '%s'", shorten(s))
		}
		re.Longest()
		*into = re
	}
	return p, nil
}

// bytesAsRunes turns every byte into the character of that number, so that the engine works on
// bytes.
func bytesAsRunes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// literalBrackets doubles the backslashes in bracket expressions, where POSIX takes them as they
// are and Go as escapes.
func literalBrackets(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		n := 1
		switch s[i] {
		case '\\':
			n = min(2, len(s)-i)
		case '[':
			n = bracketLength(s[i:])
			b.WriteString(strings.ReplaceAll(s[i:i+n], `\`, `\\`))
			i += n
			continue
		}
		b.WriteString(s[i : i+n])
		i += n
	}
	return b.String()
}

// bracketLength returns the length of the bracket expression at the start of s; all of s if it is
// not closed.
func bracketLength(s string) int {
	n := 1
	if strings.HasPrefix(s[n:], "^") {
		n++
	}
	if strings.HasPrefix(s[n:], "]") { // the first one is an element
		n++
	}
	for n < len(s) && s[n] != ']' {
		if end := strings.Index(s[n:], ":]"); end > 0 && strings.HasPrefix(s[n:], "[:") {
			n += end + 1
		}
		n++
	}
	return min(n+1, len(s))
}

// weigh estimates how large tree gets when it is compiled.
func weigh(tree *syntax.Regexp) int {
	n := 1 + len(tree.Rune)
	for _, sub := range tree.Sub {
		n += weigh(sub)
	}
	if tree.Op == syntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return min(n, maxWeight+1)
}

// passBeginning makes what matches the beginning of the text match nowhere.
func passBeginning(tree *syntax.Regexp) {
	if tree.Op == syntax.OpBeginText {
		tree.Op = syntax.OpNoMatch
	}
	for _, sub := range tree.Sub {
		passBeginning(sub)
	}
}

// counter reads a text byte by byte and counts the steps of doing so.
type counter struct {
	m    *machine
	at   pos
	text string
	cost int
	err  error
}

func (c *counter) ReadRune() (rune, int, error) {
	if c.err == nil {
		c.err = c.m.step(c.at, c.cost)
	}
	if c.text == "" || c.err != nil {
		return 0, 0, io.EOF
	}
	r := rune(c.text[0])
	c.text = c.text[1:]
	return r, 1, nil
}

// search returns the bounds of the first match and of its groups, nil if there is none.
func (m *machine) search(at pos, re *regexp.Regexp, cost int, text string) ([]int, error) {
	c := &counter{m: m, at: at, text: text, cost: cost}
	found := re.FindReaderSubmatchIndex(c)
	return found, c.err
}

func match(m *machine, at pos, args []*value) (*value, error) {
	p, err := m.regex(at, args[0])
	if err != nil {
		return nil, err
	}
	s, err := m.stringArg(args[1], at)
	if err != nil {
		return nil, err
	}
	found, err := m.search(at, p.whole, p.cost, s)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nullValue, nil
	}
	return m.groups(at, s, found[2:])
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
	p, err := m.regex(at, args[0])
	if err != nil {
		return nil, err
	}
	s, err := m.stringArg(args[1], at)
	if err != nil {
		return nil, err
	}
	var out []*value
	re, between := p.first, 0 // between: where the text since the last match begins
	for from := 0; from <= len(s); re = p.later {
		found, err := m.search(at, re, p.cost, s[from:])
		if err != nil {
			return nil, err
		}
		if found == nil {
			break
		}
		groups, err := m.groups(at, s[from:], found[2:])
		if err != nil {
			return nil, err
		}
		out = append(out, stringValue(s[between:from+found[0]]), groups)
		m.charge(2 * sizeValue)
		between = from + found[1]
		from = between
		if found[0] == found[1] {
			from++ // an empty match: go on behind the next byte
		}
	}
	return listValue(append(out, stringValue(s[between:]))), nil
}
