package nixlang

// Binding strengths of the prefix operators; those of the others stand in operatorTable.
const (
	strengthNot    = 7
	strengthNegate = 12
)

type associativity uint8

const (
	left associativity = iota
	right
	none
)

// operatorTable follows the manual of Nix, chapter "Operators": a greater strength binds tighter.
var operatorTable = map[tokenKind]struct {
	strength int
	assoc    associativity
}{
	tokImplies:   {1, right},
	tokOr:        {2, left},
	tokAnd:       {3, left},
	tokEq:        {4, none},
	tokNe:        {4, none},
	tokLess:      {5, none},
	tokLessEq:    {5, none},
	tokGreater:   {5, none},
	tokGreaterEq: {5, none},
	tokUpdate:    {6, right},
	tokPlus:      {8, left},
	tokMinus:     {8, left},
	tokTimes:     {9, left},
	tokDivide:    {9, left},
	tokConcat:    {10, right},
	tokQuestion:  {11, none},
}

// operators reads operands joined by operators that bind at least as tight as least.
func (p *parser) operators(least int) expr {
	p.nest(1)
	levels := 1
	defer func() { p.depth -= levels }()
	e := p.prefixed()
	for p.err == nil {
		t := p.peek(0)
		op, ok := operatorTable[t.kind]
		if !ok || op.strength < least {
			break
		}
		p.nest(1) // a chain of operators is as deep as it is long
		levels++
		p.advance()
		e = p.operator(t, op.strength, op.assoc, e)
		next := operatorTable[p.peek(0).kind]
		if op.assoc == none && next.strength == op.strength {
			p.fail(p.here(), "unexpected %s, expected parentheses: %s cannot be chained", p.peek(0).describe(), t.kind)
		}
	}
	return e
}

// operator reads what stands to the right of the operator t.
func (p *parser) operator(t token, strength int, assoc associativity, l expr) expr {
	if t.kind == tokQuestion {
		return &hasExpr{pos: l.at(), subject: l, path: p.attrPath()}
	}
	if assoc != right {
		strength++
	}
	return &binaryExpr{pos: l.at(), op: t.kind, mark: p.pos(t), left: l, right: p.operators(strength)}
}

func (p *parser) prefixed() expr {
	at := p.here()
	switch {
	case p.accept(tokNot):
		return &notExpr{pos: at, operand: p.operators(strengthNot)}
	case p.accept(tokMinus):
		return &negateExpr{pos: at, operand: p.operators(strengthNegate)}
	}
	return p.application()
}

// application reads a function with its arguments.
func (p *parser) application() expr {
	fn := p.selection()
	var args []expr
	for p.err == nil && p.startsSimple() {
		args = append(args, p.selection())
	}
	if args == nil {
		return fn
	}
	return &callExpr{pos: fn.at(), fn: fn, args: args}
}

// selection reads `a.b.c or d`.
func (p *parser) selection() expr {
	e := p.simple()
	if t := p.peek(0); p.accept(tokOrKeyword) { // `map or [ ]`: once a name, still read as one
		arg := &variable{pos: p.pos(t), name: "or"}
		return &callExpr{pos: e.at(), fn: e, args: []expr{arg}}
	}
	if !p.accept(tokDot) {
		return e
	}
	s := &selectExpr{pos: e.at(), subject: e, path: p.attrPath()}
	if p.accept(tokOrKeyword) {
		p.nest(1)
		s.otherwise = p.selection()
		p.depth--
	}
	return s
}
