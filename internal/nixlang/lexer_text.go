package nixlang

import "strings"

// nextString reads inside "…".
func (l *lexer) nextString(m mode) (token, error) {
	rest := l.rest()
	switch {
	case rest == "":
		return token{}, syntaxf(pos{l.src, m.open}, `this string is not closed, expected '"'`)
	case rest[0] == '"':
		l.pop()
		return l.take(tokStringEnd, 1), nil
	case strings.HasPrefix(rest, "${"):
		return l.mark(tokInterpolation, 2), nil
	}
	start := l.off
	var text strings.Builder
	for l.off < len(l.src.text) {
		rest = l.rest()
		if rest[0] == '"' || strings.HasPrefix(rest, "${") {
			break
		}
		l.off += stringPiece(rest, &text)
	}
	return token{tokStringText, start, text.String()}, nil
}

// stringPiece writes what the first characters of s mean inside "…" and returns how many they are.
// A dollar sign takes the character after it along, so that `$${` is no interpolation.
func stringPiece(s string, out *strings.Builder) int {
	switch {
	case s[0] == '\\' && len(s) > 1:
		return 1 + unescape(s[1:], out)
	case s[0] == '$' && len(s) > 1 && s[1] != '"' && s[1] != '\\':
		out.WriteByte('$')
		return 1 + newline(s[1:], out)
	}
	return newline(s, out)
}

// newline writes the first byte of s; every way to end a line becomes one newline.
func newline(s string, out *strings.Builder) int {
	if s[0] != '\r' {
		out.WriteByte(s[0])
		return 1
	}
	out.WriteByte('\n')
	if strings.HasPrefix(s, "\r\n") {
		return 2
	}
	return 1
}

// unescape writes what a backslash before s means.
func unescape(s string, out *strings.Builder) int {
	switch s[0] {
	case 'n':
		out.WriteByte('\n')
	case 'r':
		out.WriteByte('\r')
	case 't':
		out.WriteByte('\t')
	default:
		return newline(s, out)
	}
	return 1
}

// indentedOpening is the length of the opening of an indented string: spaces and the newline right
// after the quotes are not part of it.
func indentedOpening(s string) int {
	n := 2 + run(s, 2, func(c byte) bool { return c == ' ' })
	if n < len(s) && s[n] == '\n' {
		return n + 1
	}
	return 2
}

// nextIndented reads inside two single quotes.
func (l *lexer) nextIndented(m mode) (token, error) {
	rest := l.rest()
	switch {
	case rest == "":
		return token{}, syntaxf(pos{l.src, m.open}, "this string is not closed, expected two single quotes")
	case strings.HasPrefix(rest, "''$"):
		return l.escaped("$", 3), nil
	case strings.HasPrefix(rest, "'''"):
		return l.escaped("''", 3), nil
	case strings.HasPrefix(rest, `''\`) && len(rest) > 3:
		var text strings.Builder
		n := unescape(rest[3:], &text)
		return l.escaped(text.String(), 3+n), nil
	case strings.HasPrefix(rest, "''"):
		l.pop()
		return l.take(tokIndentedEnd, 2), nil
	case strings.HasPrefix(rest, "${"):
		return l.mark(tokInterpolation, 2), nil
	}
	if n := indentedText(rest); n > 0 {
		return l.take(tokIndentedText, n), nil
	}
	return l.escaped(rest[:1], 1), nil // a lone quote or dollar sign before something special
}

func (l *lexer) escaped(text string, n int) token {
	t := token{tokIndentedEscape, l.off, text}
	l.off += n
	return t
}

// indentedText returns the length of plain text at the start of s.
func indentedText(s string) int {
	n := 0
	for n < len(s) {
		step := 1
		switch s[n] {
		case '$':
			if n+1 == len(s) || s[n+1] == '{' || s[n+1] == '\'' {
				return n
			}
			step = 2
		case '\'':
			if n+1 == len(s) || s[n+1] == '\'' || s[n+1] == '$' {
				return n
			}
			step = 2
		}
		n += step
	}
	return n
}

// startPath takes the first piece of a path. What follows it belongs to the path for as long as it
// is a path character, a slash or an interpolation.
func (l *lexer) startPath(kind tokenKind) (token, error) {
	start := l.off
	if kind == tokHomePath {
		l.off++
	}
	l.off += run(l.src.text, l.off, isPathText)
	l.push(modePath, start)
	return token{kind, start, l.src.text[start:l.off]}, nil
}

func isPathText(c byte) bool { return c == '/' || isPathPart(c) }

func (l *lexer) nextPath() (token, error) {
	rest := l.rest()
	if strings.HasPrefix(rest, "${") {
		return l.mark(tokInterpolation, 2), nil
	}
	if n := run(rest, 0, isPathText); n > 0 {
		return l.take(tokPathText, n), nil
	}
	if l.src.text[l.off-1] == '/' {
		return token{}, syntaxf(pos{l.src, l.off - 1}, "this path ends with a slash, expected a name after it")
	}
	l.pop()
	return token{kind: tokPathEnd, off: l.off}, nil
}
