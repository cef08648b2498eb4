package nixlang

import "math"

// tag says what a value is, or that it is not known yet.
type tag uint8

const (
	tagThunk tag = iota // ref is the expr, env its scopes
	tagLazy             // ref is a lazy
	tagBusy             // being evaluated right now
	tagNull
	tagBool
	tagInt
	tagFloat
	tagString
	tagPath
	tagList      // ref is a *list
	tagAttrs     // ref is an *attrs
	tagLambda    // ref is a *lambda, env its scopes
	tagPrimitive // ref is a *primitive
	tagPartial   // ref is a *partial
)

// value is one value of the language. It changes once, from delayed to known.
type value struct {
	tag tag
	num uint64 // bool, int, or the bits of a float
	str string // text of a string, absolute text of a path
	ref any
	env *env
}

// lazy is a value that Go code makes when it is needed.
type lazy func(*machine) (*value, error)

// env holds the values of one scope at run time.
type env struct {
	up    *env
	slots []*value // of a `with`: the one set
}

func (e *env) ancestor(level int) *env {
	for ; level > 0; level-- {
		e = e.up
	}
	return e
}

type list struct {
	items  []*value
	places []pos // where each element was written; nil if not known
}

func (l *list) place(i int) pos {
	if l.places == nil {
		return pos{}
	}
	return l.places[i]
}

// primitive is a builtin of one or more arguments.
type primitive struct {
	name  string
	arity int
	call  func(m *machine, at pos, args []*value) (*value, error)
}

// partial is a primitive that waits for more arguments.
type partial struct {
	fn   *primitive
	args []*value
}

// Sizes that are counted against Limits.Memory: those of Go on 64 bits, rounded up.
const (
	sizeValue = 80
	sizeAttr  = 48
	sizeItem  = 8
	sizeEnv   = 48
)

var (
	nullValue  = &value{tag: tagNull}
	trueValue  = &value{tag: tagBool, num: 1}
	falseValue = &value{tag: tagBool}
)

func boolValue(b bool) *value {
	if b {
		return trueValue
	}
	return falseValue
}

func intValue(n int64) *value     { return &value{tag: tagInt, num: uint64(n)} }
func floatValue(f float64) *value { return &value{tag: tagFloat, num: math.Float64bits(f)} }
func stringValue(s string) *value { return &value{tag: tagString, str: s} }
func pathValue(s string) *value   { return &value{tag: tagPath, str: s} }
func listValue(items []*value) *value {
	return &value{tag: tagList, ref: &list{items: items}}
}

func (v *value) bool() bool     { return v.num != 0 }
func (v *value) int() int64     { return int64(v.num) }
func (v *value) float() float64 { return math.Float64frombits(v.num) }

// Each of these is for one tag, which its callers have looked at.

func (v *value) expr() expr            { return v.ref.(expr) }       //nolint:errcheck // tagThunk
func (v *value) lazy() lazy            { return v.ref.(lazy) }       //nolint:errcheck // tagLazy
func (v *value) list() *list           { return v.ref.(*list) }      //nolint:errcheck // tagList
func (v *value) attrs() *attrs         { return v.ref.(*attrs) }     //nolint:errcheck // tagAttrs
func (v *value) lambda() *lambda       { return v.ref.(*lambda) }    //nolint:errcheck // tagLambda
func (v *value) primitive() *primitive { return v.ref.(*primitive) } //nolint:errcheck // tagPrimitive
func (v *value) partial() *partial     { return v.ref.(*partial) }   //nolint:errcheck // tagPartial

// number returns the value of an int or a float.
func (v *value) number() float64 {
	if v.tag == tagInt {
		return float64(v.int())
	}
	return v.float()
}

func (v *value) isNumber() bool { return v.tag == tagInt || v.tag == tagFloat }

// sorts tells of every tag what messages call such a value, what builtins.typeOf says, and its Kind.
var sorts = [...]struct {
	what, typeName string
	kind           Kind
}{
	tagThunk:     {"a thunk", "thunk", Function},
	tagLazy:      {"a thunk", "thunk", Function},
	tagBusy:      {"a thunk", "thunk", Function},
	tagNull:      {"null", "null", Null},
	tagBool:      {"a Boolean", "bool", Bool},
	tagInt:       {"an integer", "int", Int},
	tagFloat:     {"a float", "float", Float},
	tagString:    {"a string", "string", String},
	tagPath:      {"a path", "path", Path},
	tagList:      {"a list", "list", List},
	tagAttrs:     {"a set", "set", Attrs},
	tagLambda:    {"a function", "lambda", Function},
	tagPrimitive: {"a built-in function", "lambda", Function},
	tagPartial:   {"a partially applied built-in function", "lambda", Function},
}

func (v *value) what() string     { return sorts[v.tag].what }
func (v *value) typeName() string { return sorts[v.tag].typeName }
func (v *value) kind() Kind       { return sorts[v.tag].kind }
