package nixlang

import (
	"strconv"
	"strings"
)

// printer writes a tree as Nix text with parentheses wherever they could matter, so that reading it
// again gives the same tree.
type printer struct{ strings.Builder }

func printed(e expr) string {
	p := &printer{}
	e.write(p)
	return p.String()
}

func (p *printer) put(parts ...any) {
	for _, x := range parts {
		switch x := x.(type) {
		case string:
			p.WriteString(x)
		case expr:
			x.write(p)
		}
	}
}

func (l *literal) write(p *printer) {
	if l.val.tag == tagFloat {
		p.WriteString(floatLiteral(l.val.float()))
		return
	}
	p.WriteString(scalarText(l.val))
}

func (a *absentExpr) write(p *printer) { p.WriteString(a.text) }
func (c *curPosExpr) write(p *printer) { p.WriteString("__curPos") }
func (v *variable) write(p *printer)   { p.WriteString(v.name) }
func (n *notExpr) write(p *printer)    { p.put("(! ", n.operand, ")") }
func (n *negateExpr) write(p *printer) { p.put("(- ", n.operand, ")") }

// floatLiteral writes f exactly and as the grammar wants it, with a dot.
func floatLiteral(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if strings.Contains(s, ".") {
		return s
	}
	if whole, exponent, ok := strings.Cut(s, "e"); ok {
		return whole + ".0e" + exponent
	}
	return s + ".0"
}

func (t *textExpr) write(p *printer) {
	p.WriteByte('"')
	for i, e := range t.parts {
		text, plain := textOf(e)
		if !plain {
			p.put("${", e, "}")
			continue
		}
		text = escapes.Replace(text)
		if strings.HasSuffix(text, "$") && i+1 < len(t.parts) {
			text = text[:len(text)-1] + `\$` // or it would take the next part along
		}
		p.WriteString(text)
	}
	p.WriteByte('"')
}

func (x *pathExpr) write(p *printer) {
	p.WriteString(x.first)
	for _, e := range x.parts {
		text, plain := textOf(e)
		if !plain {
			p.put("${", e, "}")
			continue
		}
		p.WriteString(text)
	}
}

func (l *listExpr) write(p *printer) {
	p.WriteString("[ ")
	for _, e := range l.items {
		p.put("(", e, ") ")
	}
	p.WriteString("]")
}

func (a *attrsExpr) write(p *printer) {
	if a.rec {
		p.WriteString("rec ")
	}
	p.WriteString("{ ")
	a.writeBindings(p)
	p.WriteString("}")
}

func (a *attrsExpr) writeBindings(p *printer) {
	for _, b := range a.binds {
		switch b.kind {
		case bindPlain:
			p.put(nameText(b.name), " = ", b.value, "; ")
		case bindInherit:
			p.put("inherit ", nameText(b.name), "; ")
		case bindFrom:
			p.put("inherit (", a.sources[b.source], ") ", nameText(b.name), "; ")
		}
	}
	for _, d := range a.dynamic {
		p.put("${", d.name, "} = ", d.value, "; ")
	}
}

func (l *letExpr) write(p *printer) {
	p.WriteString("(let ")
	l.set.writeBindings(p)
	p.put("in ", l.body, ")")
}

func (w *withExpr) write(p *printer)   { p.put("(with ", w.set, "; ", w.body, ")") }
func (a *assertExpr) write(p *printer) { p.put("(assert ", a.cond, "; ", a.body, ")") }
func (i *ifExpr) write(p *printer) {
	p.put("(if ", i.cond, " then ", i.yes, " else ", i.no, ")")
}

func (f *lambda) write(p *printer) {
	p.WriteByte('(')
	if f.pattern != nil {
		f.pattern.write(p)
		if f.arg != "" {
			p.WriteString(" @ ")
		}
	}
	p.put(f.arg, ": ", f.body, ")")
}

func (pat *pattern) write(p *printer) {
	p.WriteString("{ ")
	for i, f := range pat.formals {
		if i > 0 {
			p.WriteString(", ")
		}
		p.WriteString(f.name)
		if f.otherwise != nil {
			p.put(" ? ", f.otherwise)
		}
	}
	if pat.ellipsis {
		if len(pat.formals) > 0 {
			p.WriteString(", ")
		}
		p.WriteString("...")
	}
	p.WriteString(" }")
}

func (c *callExpr) write(p *printer) {
	p.put("(", c.fn)
	for _, a := range c.args {
		p.put(" ", a)
	}
	p.WriteByte(')')
}

func (p *printer) path(path []attrName) {
	for i, n := range path {
		if i > 0 {
			p.WriteByte('.')
		}
		if n.dynamic != nil {
			p.put("${", n.dynamic, "}")
			continue
		}
		p.WriteString(nameText(n.name))
	}
}

func pathText(path []attrName) string {
	p := &printer{}
	p.path(path)
	return shorten(p.String())
}

func (s *selectExpr) write(p *printer) {
	p.put("(", s.subject, ").")
	p.path(s.path)
	if s.otherwise != nil {
		p.put(" or (", s.otherwise, ")")
	}
}

func (h *hasExpr) write(p *printer) {
	p.put("((", h.subject, ") ? ")
	p.path(h.path)
	p.WriteByte(')')
}

func (b *binaryExpr) write(p *printer) {
	mark := strings.Trim(b.op.String(), "'")
	p.put("(", b.left, " ", mark, " ", b.right, ")")
}
