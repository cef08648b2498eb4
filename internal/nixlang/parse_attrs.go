package nixlang

import "errors"

// set reads `{ … }` and `rec { … }`.
func (p *parser) set() expr {
	s := &attrsExpr{pos: p.here()}
	s.rec = p.accept(tokRec)
	return p.braces(s)
}

func (p *parser) braces(s *attrsExpr) expr {
	p.nest(1)
	defer func() { p.depth-- }()
	open := p.expect(tokLBrace, "after 'rec'")
	p.bindings(s, tokRBrace)
	p.closes(tokRBrace, open)
	return s
}

// bindings reads `name = value;` and `inherit …;` up to a token of kind end.
func (p *parser) bindings(s *attrsExpr, end tokenKind) {
	for p.err == nil && !p.sees(end) {
		switch p.peek(0).kind {
		case tokInherit:
			p.inherit(s)
		case tokID, tokOrKeyword, tokString, tokInterpolation:
			p.binding(s)
		case tokEOF:
			return // the caller says what is not closed
		default:
			p.unexpected("a name, 'inherit' or " + end.String())
		}
	}
}

func (p *parser) binding(s *attrsExpr) {
	path := p.attrPath()
	if !p.sees(tokAssign) {
		p.unexpected("'.' or '=' after the name '" + pathText(path) + "'")
	}
	p.advance()
	p.nest(len(path))
	value := p.expression()
	p.depth -= len(path)
	p.endBinding(path)
	if p.err == nil {
		p.define(s, path, value)
	}
}

func (p *parser) endBinding(path []attrName) {
	if p.accept(tokSemicolon) {
		return
	}
	missed := p.sees(tokAssign) && p.last.kind == tokID
	name := p.last.text
	p.unexpected("';' after the value of '" + pathText(path) + "'")
	if e, ok := errors.AsType[*Error](p.err); ok && missed {
		p.err = e.try("put a ';' before '%s'", name)
	}
}

// attrPath reads `a.b."c".${d}`.
func (p *parser) attrPath() []attrName {
	path := []attrName{p.attrName()}
	for p.err == nil && p.accept(tokDot) {
		path = append(path, p.attrName())
	}
	return path
}

func (p *parser) attrName() attrName {
	t := p.peek(0)
	n := attrName{pos: p.pos(t)}
	switch t.kind {
	case tokID, tokOrKeyword:
		n.name = p.advance().text
	case tokString:
		n.setTo(p.text())
	case tokInterpolation:
		p.advance()
		n.setTo(p.expression())
		p.closes(tokRBrace, t)
	default:
		p.unexpected("the name of an attribute")
	}
	return n
}

// setTo makes n the name that e gives: a plain one if e is plain text.
func (n *attrName) setTo(e expr) {
	if text, plain := textOf(e); plain {
		n.name = text
		return
	}
	n.dynamic = e
}

func (p *parser) inherit(s *attrsExpr) {
	p.advance()
	kind, source := bindInherit, 0
	if open := p.peek(0); p.accept(tokLParen) {
		kind, source = bindFrom, len(s.sources)
		s.sources = append(s.sources, p.expression())
		p.closes(tokRParen, open)
	}
	for p.err == nil && !p.sees(tokSemicolon) {
		n := p.attrName()
		if n.dynamic != nil {
			p.fail(n.pos, "dynamic attributes are not allowed in 'inherit'")
		}
		b := binding{pos: n.pos, name: n.name, kind: kind, source: source}
		if kind == bindInherit {
			b.value = &variable{pos: n.pos, name: n.name}
		}
		p.add(s, b)
	}
	p.expect(tokSemicolon, "after 'inherit'")
}

// define puts value at path inside s. `a.b = 1; a.c = 2;` and `a = { b = 1; }; a.c = 2;` mean one
// set with two attributes.
func (p *parser) define(s *attrsExpr, path []attrName, value expr) {
	for _, n := range path[:len(path)-1] {
		inner := p.inner(s, n)
		if inner == nil {
			return
		}
		s = inner
	}
	last := path[len(path)-1]
	if last.dynamic != nil {
		s.dynamic = append(s.dynamic, dynamicBinding{last.pos, last.dynamic, value})
		return
	}
	nameFunction(value, last.name)
	p.add(s, binding{pos: last.pos, name: last.name, value: value})
}

// nameFunction names a function after the attribute that it is bound to, with all its arguments.
func nameFunction(e expr, name string) {
	for f, ok := e.(*lambda); ok && f.name == ""; f, ok = f.body.(*lambda) {
		f.name = name
	}
}

// inner returns the set at n inside s, made if it is not there yet.
func (p *parser) inner(s *attrsExpr, n attrName) *attrsExpr {
	if n.dynamic != nil {
		in := &attrsExpr{pos: n.pos}
		s.dynamic = append(s.dynamic, dynamicBinding{n.pos, n.dynamic, in})
		return in
	}
	i, ok := s.index[n.name]
	if !ok {
		in := &attrsExpr{pos: n.pos}
		p.add(s, binding{pos: n.pos, name: n.name, value: in})
		return in
	}
	in, ok := s.binds[i].value.(*attrsExpr)
	if !ok || s.binds[i].kind != bindPlain {
		p.twice(n.name, n.pos, s.binds[i].pos)
		return nil
	}
	return in
}

// add puts b into s. Two sets under one name are one, as long as they have no name in common.
func (p *parser) add(s *attrsExpr, b binding) {
	i, ok := s.index[b.name]
	if !ok {
		if s.index == nil {
			s.index = map[string]int{}
		}
		s.index[b.name] = len(s.binds)
		s.binds = append(s.binds, b)
		return
	}
	old := s.binds[i]
	into, ok1 := old.value.(*attrsExpr)
	from, ok2 := b.value.(*attrsExpr)
	if !ok1 || !ok2 || old.kind != bindPlain {
		p.twice(b.name, b.pos, old.pos)
		return
	}
	p.merge(into, from)
}

func (p *parser) merge(into, from *attrsExpr) {
	for _, b := range from.binds {
		if i, ok := into.index[b.name]; ok {
			p.twice(b.name, b.pos, into.binds[i].pos)
			return
		}
		if b.kind == bindFrom {
			b.source += len(into.sources)
		}
		p.add(into, b)
	}
	into.sources = append(into.sources, from.sources...)
	into.dynamic = append(into.dynamic, from.dynamic...)
}

func (p *parser) twice(name string, at, first pos) {
	p.fail(at, "attribute '%s' is already defined at %s", name, first.position())
}
