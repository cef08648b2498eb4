package nixlang

import "math"

// tag says what a value is, or that it is not known yet.
type tag uint8

const (
	tagThunk tag = iota // ref is the expr, env its scopes
	tagLazy             // ref is a func(*machine) (*value, error)
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

func intValue(n int64) *value     { return &value{tag: tagInt, num: uint64(n)} } //nolint:gosec // the bits are kept
func floatValue(f float64) *value { return &value{tag: tagFloat, num: math.Float64bits(f)} }
func stringValue(s string) *value { return &value{tag: tagString, str: s} }
func pathValue(s string) *value   { return &value{tag: tagPath, str: s} }
func listValue(items []*value) *value {
	return &value{tag: tagList, ref: &list{items: items}}
}

func (v *value) bool() bool     { return v.num != 0 }
func (v *value) int() int64     { return int64(v.num) } //nolint:gosec // the bits are kept
func (v *value) float() float64 { return math.Float64frombits(v.num) }
func (v *value) list() *list    { return v.ref.(*list) }
func (v *value) attrs() *attrs  { return v.ref.(*attrs) }

// number returns the value of an int or a float.
func (v *value) number() float64 {
	if v.tag == tagInt {
		return float64(v.int())
	}
	return v.float()
}

func (v *value) isNumber() bool { return v.tag == tagInt || v.tag == tagFloat }

// what names the sort of a known value with its article, for messages.
func (v *value) what() string {
	switch v.tag {
	case tagNull:
		return "null"
	case tagBool:
		return "a Boolean"
	case tagInt:
		return "an integer"
	case tagFloat:
		return "a float"
	case tagString:
		return "a string"
	case tagPath:
		return "a path"
	case tagList:
		return "a list"
	case tagAttrs:
		return "a set"
	case tagLambda:
		return "a function"
	case tagPrimitive:
		return "a built-in function"
	case tagPartial:
		return "a partially applied built-in function"
	}
	return "a thunk"
}

// typeName is what builtins.typeOf says.
func (v *value) typeName() string {
	switch v.tag {
	case tagNull:
		return "null"
	case tagBool:
		return "bool"
	case tagInt:
		return "int"
	case tagFloat:
		return "float"
	case tagString:
		return "string"
	case tagPath:
		return "path"
	case tagList:
		return "list"
	case tagAttrs:
		return "set"
	}
	return "lambda"
}
