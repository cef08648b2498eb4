package nixlang

import (
	"strings"
	"unicode/utf8"
)

// lexer cuts a source into tokens. Strings, indented strings and paths have rules of their own and
// may hold code again, so it keeps a stack of what it is inside of, as Nix' own lexer does.
type lexer struct {
	src   *source
	off   int
	modes []mode

	pathEnd, schemeEnd int // ends of the runs around off, see runEnd
}

type mode struct {
	kind modeKind
	open int // where it began
}

type modeKind uint8

const (
	modeCode modeKind = iota
	modeString
	modeIndented
	modePath
)

func newLexer(src *source) *lexer {
	return &lexer{src: src, modes: []mode{{kind: modeCode}}}
}

// wellFormed refuses what no part of a Nix file may hold.
func wellFormed(src *source) error {
	if i := strings.IndexByte(src.text, 0); i >= 0 {
		return syntaxf(pos{src, i}, "the file holds a NUL byte, so it is not Nix text")
	}
	if utf8.ValidString(src.text) {
		return nil
	}
	for i, r := range src.text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(src.text[i:]); size == 1 {
			return syntaxf(pos{src, i}, "the file is not UTF-8 text")
		}
	}
	return nil
}

func (l *lexer) push(k modeKind, open int) { l.modes = append(l.modes, mode{k, open}) }

func (l *lexer) pop() {
	if len(l.modes) > 1 {
		l.modes = l.modes[:len(l.modes)-1]
	}
}

func (l *lexer) rest() string { return l.src.text[l.off:] }

func (l *lexer) take(kind tokenKind, n int) token {
	t := token{kind, l.off, l.src.text[l.off : l.off+n]}
	l.off += n
	return t
}

// next returns the next token; at the end it returns tokEOF for ever.
func (l *lexer) next() (token, error) {
	switch m := l.modes[len(l.modes)-1]; m.kind {
	case modeString:
		return l.nextString(m)
	case modeIndented:
		return l.nextIndented(m)
	case modePath:
		return l.nextPath()
	default:
		return l.nextCode()
	}
}

func (l *lexer) nextCode() (token, error) {
	if err := l.skipBlank(); err != nil {
		return token{}, err
	}
	rest := l.rest()
	switch {
	case rest == "":
		return token{kind: tokEOF, off: l.off}, nil
	case rest[0] == '"':
		l.push(modeString, l.off)
		return l.take(tokString, 1), nil
	case strings.HasPrefix(rest, "''"):
		l.push(modeIndented, l.off)
		return l.take(tokIndented, indentedOpening(rest)), nil
	}
	kind, n := l.longestWord()
	p, pn := punctuationAt(rest)
	if n == 0 && pn == 0 {
		r, _ := utf8.DecodeRuneInString(rest)
		return token{}, syntaxf(pos{l.src, l.off}, "unexpected character %q", r)
	}
	if pn > n {
		return l.mark(p, pn), nil
	}
	return l.word(kind, n)
}

// mark takes punctuation; braces decide what the text after them is.
func (l *lexer) mark(kind tokenKind, n int) token {
	switch kind {
	case tokLBrace, tokInterpolation:
		l.push(modeCode, l.off)
	case tokRBrace:
		l.pop()
	default: // nothing inside it
	}
	return l.take(kind, n)
}

func (l *lexer) word(kind tokenKind, n int) (token, error) {
	switch kind {
	case tokPath, tokHomePath:
		return l.startPath(kind)
	case tokID:
		if k, ok := keywords[l.rest()[:n]]; ok {
			kind = k
		}
	default: // complete as it is
	}
	return l.take(kind, n), nil
}

func punctuationAt(s string) (tokenKind, int) {
	for _, p := range punctuation {
		if strings.HasPrefix(s, p.text) {
			return p.kind, len(p.text)
		}
	}
	return tokEOF, 0
}

// skipBlank passes white space and comments.
func (l *lexer) skipBlank() error {
	for {
		rest := l.rest()
		switch {
		case rest == "":
			return nil
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.off++
		case rest[0] == '#':
			l.off += len(rest)
			if end := strings.IndexAny(rest, "\r\n"); end >= 0 {
				l.off += end - len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return syntaxf(pos{l.src, l.off}, "this comment is not closed, expected '*/'")
			}
			l.off += end + 4
		default:
			return nil
		}
	}
}
