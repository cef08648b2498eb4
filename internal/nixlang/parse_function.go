package nixlang

// startsFunction looks far enough ahead to tell `{ a, b }:` from a set.
func (p *parser) startsFunction() bool {
	switch p.peek(0).kind {
	case tokID:
		next := p.peek(1).kind
		return next == tokColon || next == tokAt
	case tokLBrace:
		return p.startsPattern()
	default:
		return false
	}
}

func (p *parser) startsPattern() bool {
	switch p.peek(1).kind {
	case tokEllipsis:
		return true
	case tokRBrace:
		after := p.peek(2).kind
		return after == tokColon || after == tokAt
	case tokID:
		after := p.peek(2).kind
		return after == tokComma || after == tokQuestion || after == tokRBrace
	default:
		return false
	}
}

func (p *parser) function() expr {
	f := &lambda{pos: p.here()}
	if p.sees(tokID) {
		f.arg = p.advance().text
		if p.accept(tokAt) {
			f.pattern = p.pattern()
		}
	} else {
		f.pattern = p.pattern()
		if p.accept(tokAt) {
			f.arg = p.expect(tokID, "after '@'").text
		}
	}
	if f.pattern != nil && f.arg != "" {
		if _, twice := f.pattern.index[f.arg]; twice {
			p.fail(f.pos, "duplicate formal function argument '%s'", f.arg)
		}
	}
	p.expect(tokColon, "after the argument of a function")
	f.body = p.expression()
	return f
}

func (p *parser) pattern() *pattern {
	p.expect(tokLBrace, "after '@'")
	pat := &pattern{index: map[string]int{}}
	for p.err == nil && !p.sees(tokRBrace) {
		if p.accept(tokEllipsis) {
			pat.ellipsis = true
			break
		}
		p.formal(pat)
		if !p.accept(tokComma) {
			break
		}
	}
	if !p.accept(tokRBrace) {
		p.unexpected("',' or '}' in the argument list of a function")
	}
	return pat
}

func (p *parser) formal(pat *pattern) {
	t := p.expect(tokID, "or '...' in the argument list of a function")
	f := formal{pos: p.pos(t), name: t.text}
	if p.accept(tokQuestion) {
		f.otherwise = p.expression()
	}
	if _, twice := pat.index[f.name]; twice {
		p.fail(f.pos, "duplicate formal function argument '%s'", f.name)
	}
	pat.index[f.name] = len(pat.formals)
	pat.formals = append(pat.formals, f)
}
