package nixlang

import "strconv"

// startsSimple says whether the next token can begin an operand, and so an argument or an element.
func (p *parser) startsSimple() bool {
	switch p.peek(0).kind {
	case tokID, tokInt, tokFloat, tokURI, tokSearchPath, tokPath, tokHomePath, tokString, tokIndented,
		tokLParen, tokLBracket, tokLBrace, tokRec:
		return true
	case tokLet:
		return p.sees(tokLet, tokLBrace)
	default:
		return false
	}
}

func (p *parser) simple() expr {
	t := p.peek(0)
	at := p.pos(t)
	switch t.kind {
	case tokID:
		return p.name()
	case tokInt, tokFloat:
		return p.number()
	case tokURI:
		p.advance()
		return &literal{at, stringValue(t.text)}
	case tokSearchPath:
		p.advance()
		return &absentExpr{at, t.text, "is not available here: search paths depend on the machine that reads them",
			"write a path inside the declared folder"}
	case tokHomePath, tokPath:
		return p.path()
	case tokString:
		return p.text()
	case tokIndented:
		return p.indented()
	case tokLParen:
		return p.parenthesized()
	case tokLBracket:
		return p.list()
	case tokLBrace, tokRec:
		return p.set()
	case tokLet:
		return p.oldLet()
	default:
		p.unexpected("a value")
		return &literal{at, nullValue}
	}
}

func (p *parser) name() expr {
	t := p.advance()
	if t.text == "__curPos" {
		return &curPosExpr{p.pos(t)}
	}
	return &variable{pos: p.pos(t), name: t.text}
}

func (p *parser) number() expr {
	t := p.advance()
	at := p.pos(t)
	if t.kind == tokInt {
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			p.fail(at, "invalid integer '%s': integers have 64 bits", shorten(t.text))
		}
		return &literal{at, intValue(n)}
	}
	f, err := strconv.ParseFloat(t.text, 64)
	if err != nil {
		p.fail(at, "invalid float '%s'", shorten(t.text))
	}
	return &literal{at, floatValue(f)}
}

func (p *parser) parenthesized() expr {
	open := p.advance()
	e := p.expression()
	p.closes(tokRParen, open)
	return e
}

// closes expects the bracket that ends what open began.
func (p *parser) closes(k tokenKind, open token) {
	if p.accept(k) {
		return
	}
	p.unexpected(k.String() + " to close the " + open.kind.String() + " of line " +
		strconv.Itoa(p.pos(open).position().Line))
}

func (p *parser) list() expr {
	open := p.advance()
	l := &listExpr{pos: p.pos(open)}
	for p.err == nil && p.startsSimple() {
		l.items = append(l.items, p.element())
	}
	if p.sees(tokMinus) {
		p.unexpected("an element: write a negative number in parentheses")
	}
	if p.sees(tokComma) {
		p.unexpected("an element or ']': elements have spaces between them, no commas")
	}
	p.closes(tokRBracket, open)
	return l
}

func (p *parser) element() expr {
	p.nest(1)
	defer func() { p.depth-- }()
	return p.selection()
}

// oldLet reads `let { …; body = …; }`, which is a recursive set whose body is taken.
func (p *parser) oldLet() expr {
	at := p.pos(p.advance())
	set := p.braces(&attrsExpr{pos: at, rec: true})
	return &selectExpr{pos: at, subject: set, path: []attrName{{pos: at, name: "body"}}}
}
