package nixlang

// parser reads one source by recursive descent. It keeps the first error and from then on sees only
// the end of the file, so that every loop ends and no caller has to ask.
type parser struct {
	lex    *lexer
	src    *source
	ahead  []token
	last   token // the one taken last
	depth  int
	limits Limits
	err    error
}

// parse reads the whole text of src as one expression with its names resolved.
func parse(src *source, globals *scope, limits Limits) (expr, error) {
	if len(src.text) > limits.SourceBytes {
		return nil, failf(pos{src, 0}, "the file has %d bytes, more than the limit SourceBytes of %d", len(src.text), limits.SourceBytes)
	}
	if err := wellFormed(src); err != nil {
		return nil, err
	}
	p := &parser{lex: newLexer(src), src: src, limits: limits}
	e := p.expression()
	p.expect(tokEOF, "after the expression")
	if p.err != nil {
		return nil, p.err
	}
	r := &resolver{}
	e.resolve(r, globals)
	return e, r.err
}

// peek returns the i-th token from here.
func (p *parser) peek(i int) token {
	for len(p.ahead) <= i && p.err == nil {
		t, err := p.lex.next()
		if err != nil {
			p.err = err
			break
		}
		p.ahead = append(p.ahead, t)
	}
	if p.err != nil {
		return token{kind: tokEOF, off: len(p.src.text)}
	}
	return p.ahead[i]
}

func (p *parser) sees(kinds ...tokenKind) bool {
	for i, k := range kinds {
		if p.peek(i).kind != k {
			return false
		}
	}
	return p.err == nil
}

func (p *parser) advance() token {
	t := p.peek(0)
	if p.err == nil {
		p.last = t
		p.ahead = p.ahead[:copy(p.ahead, p.ahead[1:])]
	}
	return t
}

// accept takes the next token if it is of kind k.
func (p *parser) accept(k tokenKind) bool {
	if !p.sees(k) {
		return false
	}
	p.advance()
	return true
}

// expect takes a token of kind k or fails; why ends the sentence "expected 'k' …".
func (p *parser) expect(k tokenKind, why string) token {
	if p.sees(k) {
		return p.advance()
	}
	p.unexpected(k.String() + " " + why)
	return token{kind: k, off: p.peek(0).off}
}

func (p *parser) unexpected(wanted string) {
	t := p.peek(0)
	p.fail(p.pos(t), "unexpected %s, expected %s", t.describe(), wanted)
}

func (p *parser) fail(at pos, format string, args ...any) {
	if p.err == nil {
		p.err = syntaxf(at, "syntax error: "+format, args...)
	}
}

func (p *parser) pos(t token) pos { return pos{p.src, t.off} }
func (p *parser) here() pos       { return p.pos(p.peek(0)) }

// nest counts a level of syntax. The caller takes it back with `p.depth -= n`.
func (p *parser) nest(n int) {
	p.depth += n
	if p.depth > p.limits.Nesting && p.err == nil {
		p.err = failf(p.here(), "the expression nests deeper than the limit Nesting of %d", p.limits.Nesting)
	}
}

// expression reads what may stand in parentheses: functions, let, with, if and assert reach as far
// to the right as they can.
func (p *parser) expression() expr {
	p.nest(1)
	defer func() { p.depth-- }()
	t := p.peek(0)
	switch {
	case t.kind == tokIf:
		return p.ifThenElse()
	case t.kind == tokAssert:
		return p.assertion()
	case t.kind == tokWith:
		return p.with()
	case t.kind == tokLet && !p.sees(tokLet, tokLBrace):
		return p.let()
	case p.startsFunction():
		return p.function()
	}
	return p.operators(0)
}

func (p *parser) ifThenElse() expr {
	e := &ifExpr{pos: p.pos(p.advance())}
	e.cond = p.expression()
	p.expect(tokThen, "after the condition")
	e.yes = p.expression()
	p.expect(tokElse, "(every 'if' has one)")
	e.no = p.expression()
	return e
}

func (p *parser) assertion() expr {
	e := &assertExpr{pos: p.pos(p.advance())}
	e.cond = p.expression()
	p.expect(tokSemicolon, "after the condition of 'assert'")
	e.body = p.expression()
	return e
}

func (p *parser) with() expr {
	e := &withExpr{pos: p.pos(p.advance())}
	e.set = p.expression()
	p.expect(tokSemicolon, "after the set of 'with'")
	e.body = p.expression()
	return e
}

func (p *parser) let() expr {
	at := p.pos(p.advance())
	set := &attrsExpr{pos: at, rec: true}
	p.bindings(set, tokIn)
	p.expect(tokIn, "after the bindings of 'let'")
	if len(set.dynamic) > 0 {
		p.fail(set.dynamic[0].pos, "dynamic attributes are not allowed in 'let'")
	}
	return &letExpr{pos: at, set: set, body: p.expression()}
}
