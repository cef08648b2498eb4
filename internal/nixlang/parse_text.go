package nixlang

import "strings"

// text reads "…" up to its end.
func (p *parser) text() expr {
	at := p.pos(p.advance())
	var parts []expr
	for p.err == nil && !p.sees(tokStringEnd) {
		parts = append(parts, p.textPart())
	}
	p.expect(tokStringEnd, "at the end of a string")
	return joined(at, parts)
}

// textPart reads one piece of text or one interpolation.
func (p *parser) textPart() expr {
	t := p.advance()
	if t.kind != tokInterpolation {
		return &literal{p.pos(t), stringValue(t.text)}
	}
	return p.interpolated(t)
}

// interpolated reads the code of an interpolation. Text inside it stays an expression of its own: a
// string literal among parts is text that was written as such.
func (p *parser) interpolated(open token) expr {
	e := p.expression()
	p.closes(tokRBrace, open)
	if _, plain := textOf(e); plain {
		return &textExpr{e.at(), []expr{e}}
	}
	return e
}

// textOf returns the text of a string literal.
func textOf(e expr) (string, bool) {
	l, ok := e.(*literal)
	if !ok || l.val.tag != tagString {
		return "", false
	}
	return l.val.str, true
}

// joined is the expression for a string of parts; pieces of text beside each other become one.
func joined(at pos, parts []expr) expr {
	merged := make([]expr, 0, len(parts))
	var run strings.Builder // text since the last interpolation
	var start pos
	flush := func() {
		if run.Len() > 0 {
			merged = append(merged, &literal{start, stringValue(run.String())})
			run.Reset()
		}
	}
	for _, e := range parts {
		text, plain := textOf(e)
		if !plain {
			flush()
			merged = append(merged, e)
			continue
		}
		if run.Len() == 0 {
			start = e.at()
		}
		run.WriteString(text)
	}
	flush()
	if len(merged) == 0 {
		return &literal{at, stringValue("")}
	}
	if text, plain := textOf(merged[0]); plain && len(merged) == 1 {
		return &literal{at, stringValue(text)}
	}
	return &textExpr{at, merged}
}

// piece is a part of an indented string: text, or an interpolation.
type piece struct {
	at     pos
	text   string
	indent bool // text whose spaces at the start of a line are indentation
	code   expr
}

// indented reads an indented string up to its end.
func (p *parser) indented() expr {
	at := p.pos(p.advance())
	var pieces []piece
	for p.err == nil && !p.sees(tokIndentedEnd) {
		t := p.advance()
		c := piece{at: p.pos(t), text: t.text, indent: t.kind == tokIndentedText}
		if t.kind == tokInterpolation {
			c.code = p.interpolated(t)
		}
		pieces = append(pieces, c)
	}
	p.expect(tokIndentedEnd, "at the end of a string")
	return dedented(at, pieces)
}

// dedented takes away the indentation that all lines have in common. Only spaces count, empty
// lines do not, and neither does a last line that is nothing but spaces.
func dedented(at pos, pieces []piece) expr {
	common := commonIndent(pieces)
	var parts []expr
	fresh, dropped := true, 0
	for i, c := range pieces {
		if c.code != nil {
			parts, fresh, dropped = append(parts, c.code), false, 0
			continue
		}
		var b strings.Builder
		for j := range len(c.text) {
			switch ch := c.text[j]; {
			case ch == '\n':
				fresh, dropped = true, 0
			case fresh && ch == ' ':
				if dropped++; dropped <= common {
					continue
				}
			default:
				fresh, dropped = false, 0
			}
			b.WriteByte(c.text[j])
		}
		text := b.String()
		if i == len(pieces)-1 {
			text = withoutLastIndent(text)
		}
		parts = append(parts, &literal{c.at, stringValue(text)})
	}
	return joined(at, parts)
}

// withoutLastIndent cuts the spaces before the closing quotes where they stand on a line alone.
func withoutLastIndent(s string) string {
	last := strings.LastIndexByte(s, '\n')
	if last >= 0 && strings.Trim(s[last+1:], " ") == "" {
		return s[:last+1]
	}
	return s
}

func commonIndent(pieces []piece) int {
	const unlimited = 1 << 30
	least, current, fresh := unlimited, 0, true
	settle := func() {
		if fresh {
			fresh, least = false, min(least, current)
		}
	}
	for _, c := range pieces {
		if !c.indent {
			settle()
			continue
		}
		for j := range len(c.text) {
			switch c.text[j] {
			case '\n':
				fresh, current = true, 0
			case ' ':
				if fresh {
					current++
				}
			default:
				settle()
			}
		}
	}
	return least
}

// path reads a path with its interpolations.
func (p *parser) path() expr {
	t := p.advance()
	e := &pathExpr{pos: p.pos(t), first: t.text}
	plain := true
	for p.err == nil && !p.sees(tokPathEnd) {
		plain = plain && !p.sees(tokInterpolation)
		e.parts = append(e.parts, p.textPart())
	}
	p.expect(tokPathEnd, "")
	if plain && strings.Contains(e.first, "//") {
		p.fail(e.pos, "a path cannot hold '//'; to merge sets write spaces around it")
	}
	if t.kind == tokHomePath {
		return &absentExpr{e.pos, t.text, "is not available here: it depends on who reads it",
			"write a path inside the declared folder"}
	}
	return e
}
