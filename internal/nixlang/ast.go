package nixlang

// expr is a node of the syntax tree. A tree is never changed once its names are resolved, so it may
// be evaluated many times and shared.
type expr interface {
	at() pos                                 // where it starts
	resolve(r *resolver, s *scope)           // binds variables to scopes, once, before anything else
	eval(m *machine, e *env) (*value, error) // to weak head normal form
	write(p *printer)                        // as Nix text
}

func (p pos) at() pos { return p }

type (
	// literal is a number, a string without interpolation, or a URI.
	literal struct {
		pos
		val *value
	}
	// textExpr is a string with interpolations.
	textExpr struct {
		pos
		parts []expr
	}
	// pathExpr is a path; parts after the first are text or interpolations.
	pathExpr struct {
		pos
		first string
		parts []expr
	}
	// absentExpr is grammar that this evaluator refuses by name: <nixpkgs>, ~/x.
	absentExpr struct {
		pos
		text, why, hint string
	}
	variable struct {
		pos
		name  string
		level int   // scopes to go up
		index int   // slot there; unused if withs is set
		withs []int // levels of the `with` scopes to ask, innermost first
	}
	listExpr struct {
		pos
		items []expr
	}
	// attrsExpr is a set. The names of binds are unique, and sorted once resolved.
	attrsExpr struct {
		pos
		rec     bool
		binds   []binding
		dynamic []dynamicBinding
		sources []expr // of `inherit (source) …`
		index   map[string]int
	}
	letExpr struct {
		pos
		set  *attrsExpr
		body expr
	}
	withExpr struct {
		pos
		set, body expr
	}
	ifExpr struct {
		pos
		cond, yes, no expr
	}
	assertExpr struct {
		pos
		cond, body expr
	}
	lambda struct {
		pos
		name    string // of the attribute it is bound to, for messages
		arg     string // `x: …`, or the name of an @-pattern; may be empty
		pattern *pattern
		body    expr
	}
	callExpr struct {
		pos
		fn   expr
		args []expr
	}
	selectExpr struct {
		pos
		subject   expr
		path      []attrName
		otherwise expr // after `or`; may be nil
	}
	hasExpr struct {
		pos
		subject expr
		path    []attrName
	}
	notExpr struct {
		pos
		operand expr
	}
	negateExpr struct {
		pos
		operand expr
	}
	binaryExpr struct {
		pos
		op          tokenKind
		mark        pos // of the operator
		left, right expr
	}
	curPosExpr struct{ pos }
)

// bindingKind says in which scope a binding's value is looked up.
type bindingKind uint8

const (
	bindPlain   bindingKind = iota // name = value;
	bindInherit                    // inherit name; value is a variable of the scope around
	bindFrom                       // inherit (source) name; value is nil, source an index
)

type binding struct {
	pos
	name   string
	kind   bindingKind
	value  expr
	source int
}

type dynamicBinding struct {
	pos
	name  expr
	value expr
}

// attrName is one step of an attribute path: dynamic is nil for a plain name.
type attrName struct {
	pos
	name    string
	dynamic expr
}

// pattern is what a function with `{ a, b ? 1, ... }` wants. Slots of its scope: the @-name first
// if there is one, then the formals in order.
type pattern struct {
	formals  []formal
	ellipsis bool
	index    map[string]int
}

type formal struct {
	pos
	name      string
	otherwise expr // default; nil for a formal that is required
}
