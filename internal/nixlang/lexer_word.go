package nixlang

import "strings"

// The words of Nix overlap: `a:b` is a URI, `a/b` a path, `a-b` one name. The longest match wins,
// and at equal length the one that stands first here.
func (l *lexer) longestWord() (kind tokenKind, n int) {
	rest := l.rest()
	pathRun := l.runEnd(&l.pathEnd, isPathPart) - l.off
	schemeRun := l.runEnd(&l.schemeEnd, isSchemePart) - l.off
	for _, w := range [...]struct {
		kind tokenKind
		n    int
	}{
		{tokID, matchID(rest)},
		{tokInt, run(rest, 0, isDigit)},
		{tokFloat, matchFloat(rest)},
		{tokPath, matchPath(rest, pathRun)},
		{tokHomePath, matchHomePath(rest)},
		{tokSearchPath, matchSearchPath(rest)},
		{tokURI, matchURI(rest, schemeRun)},
	} {
		if w.n > n {
			kind, n = w.kind, w.n
		}
	}
	return kind, n
}

// runEnd returns the end of the run of characters of one class that starts at l.off. Runs reach
// over many short tokens (a.b.c is one run), so the end is remembered: else a long one would be
// looked through again at each of them.
func (l *lexer) runEnd(end *int, class func(byte) bool) int {
	if *end <= l.off {
		*end = l.off + run(l.src.text, l.off, class)
	}
	return *end
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func isIDStart(c byte) bool { return isLetter(c) || c == '_' }
func isIDPart(c byte) bool  { return isIDStart(c) || isDigit(c) || c == '\'' || c == '-' }

func isPathPart(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("._-+", c) >= 0
}

func isSchemePart(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("+-.", c) >= 0
}

func isURIPart(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("%/?:@&=+$,-_.!~*'", c) >= 0
}

// run returns how many bytes of s from i on are of one class.
func run(s string, i int, class func(byte) bool) int {
	n := 0
	for i+n < len(s) && class(s[i+n]) {
		n++
	}
	return n
}

func matchID(s string) int {
	if !isIDStart(s[0]) {
		return 0
	}
	return run(s, 0, isIDPart)
}

// matchFloat wants a dot, and no zero in front but a single one: 1. .5 0.5 1.5e3
func matchFloat(s string) int {
	whole := run(s, 0, isDigit)
	if whole >= len(s) || s[whole] != '.' {
		return 0
	}
	fraction := run(s, whole+1, isDigit)
	leadingZero := whole > 0 && s[0] == '0'
	if leadingZero && whole > 1 || (whole == 0 || leadingZero) && fraction == 0 {
		return 0
	}
	n := whole + 1 + fraction
	return n + matchExponent(s[n:])
}

func matchExponent(s string) int {
	if s == "" || s[0]|0x20 != 'e' {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	digits := run(s, n, isDigit)
	if digits == 0 {
		return 0
	}
	return n + digits
}

// matchPath matches the beginning of a path, n path characters being at hand: it holds a slash with a name after it, or a slash
// with an interpolation after it.
func matchPath(s string, n int) int {
	return n + matchSegments(s, n)
}

func matchHomePath(s string) int {
	if s[0] != '~' {
		return 0
	}
	if n := matchSegments(s, 1); n > 0 {
		return 1 + n
	}
	return 0
}

// matchSegments matches `/name/name` from i on, or `/` before `${`. It returns minus i if there is
// neither, so that a caller's sum is no match.
func matchSegments(s string, i int) int {
	if strings.HasPrefix(s[i:], "/${") {
		return 1
	}
	end := i
	for end < len(s) && s[end] == '/' {
		n := run(s, end+1, isPathPart)
		if n == 0 {
			break
		}
		end += 1 + n
	}
	if end == i {
		return -i
	}
	return end - i
}

func matchSearchPath(s string) int {
	if s[0] != '<' {
		return 0
	}
	n := 1
	for {
		part := run(s, n, isPathPart)
		if part == 0 {
			return 0
		}
		n += part
		if n < len(s) && s[n] == '/' {
			n++
			continue
		}
		if n < len(s) && s[n] == '>' {
			return n + 1
		}
		return 0
	}
}

// matchURI matches a URI, scheme characters of its scheme being at hand.
func matchURI(s string, scheme int) int {
	if !isLetter(s[0]) {
		return 0
	}
	if scheme >= len(s) || s[scheme] != ':' {
		return 0
	}
	rest := run(s, scheme+1, isURIPart)
	if rest == 0 {
		return 0
	}
	return scheme + 1 + rest
}
