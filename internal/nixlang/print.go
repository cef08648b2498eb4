package nixlang

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Nix returns v as `nix-instantiate --eval` prints it: parts that are not known yet show as <CODE>.
// With strict all of v is evaluated first, as with `--strict`.
func (v *Value) Nix(ctx context.Context, strict bool) (string, error) {
	v.m.begin(ctx)
	if strict {
		if err := v.m.forceDeep(v.v, v.at, map[any]bool{}); err != nil {
			return "", err
		}
	}
	return v.m.show(v.v)
}

func (m *machine) show(v *value) (string, error) {
	s := &shower{m: m, seen: map[any]bool{}}
	outermost := *v
	err := s.show(&outermost)
	return s.out.String(), err
}

// shower prints a value without evaluating anything. A set or list that was printed before, on the
// way down or beside, shows as «repeated».
type shower struct {
	m    *machine
	out  strings.Builder
	seen map[any]bool
}

func (s *shower) show(v *value) error {
	if err := s.m.enter(pos{}); err != nil {
		return err
	}
	defer func() { s.m.depth-- }()
	switch v.tag {
	case tagThunk, tagLazy:
		return s.put("<CODE>")
	case tagBusy:
		return s.put("<POTENTIAL INFINITE RECURSION>")
	case tagLambda:
		return s.put("<LAMBDA>")
	case tagPrimitive:
		return s.put("<PRIMOP>")
	case tagPartial:
		return s.put("<PRIMOP-APP>")
	case tagList:
		return s.list(v)
	case tagAttrs:
		return s.attrs(v)
	default:
		return s.put(scalarText(v))
	}
}

// scalarText is the Nix text of a known value that has no parts.
func scalarText(v *value) string {
	switch v.tag {
	case tagNull:
		return "null"
	case tagBool:
		return strconv.FormatBool(v.bool())
	case tagInt:
		return strconv.FormatInt(v.int(), 10)
	case tagFloat:
		return floatText(v.float())
	case tagString:
		return quoted(v.str)
	default:
		return v.str
	}
}

func (s *shower) put(text string) error {
	s.out.WriteString(text)
	return s.m.reserve(pos{}, len(text), 1)
}

// again reports whether a set or list that has parts was printed before. Nix keeps lists of one or
// two elements inside the value, so they are the same only if the value is.
func (s *shower) again(v *value, parts int) bool {
	if parts == 0 {
		return false
	}
	key := v.ref
	if v.tag == tagList && parts <= 2 {
		key = v
	}
	was := s.seen[key]
	s.seen[key] = true
	s.m.charge(sizeValue)
	return was
}

func (s *shower) list(v *value) error {
	l := v.list()
	if s.again(v, len(l.items)) {
		return s.put("«repeated»")
	}
	if err := s.put("[ "); err != nil {
		return err
	}
	for _, item := range l.items {
		if err := s.show(item); err != nil {
			return err
		}
		if err := s.put(" "); err != nil {
			return err
		}
	}
	return s.put("]")
}

func (s *shower) attrs(v *value) error {
	set := v.attrs()
	if s.again(v, len(set.items)) {
		return s.put("«repeated»")
	}
	if err := s.put("{ "); err != nil {
		return err
	}
	for _, a := range set.items {
		if err := s.put(nameText(a.name) + " = "); err != nil {
			return err
		}
		if err := s.show(a.val); err != nil {
			return err
		}
		if err := s.put("; "); err != nil {
			return err
		}
	}
	return s.put("}")
}

// floatText prints as C++ streams do: six significant digits.
func floatText(f float64) string { return cFloat(fmt.Sprintf("%.6g", f)) }

// cFloat writes Go's names of the special numbers as C does.
func cFloat(s string) string {
	return strings.NewReplacer("+Inf", "inf", "-Inf", "-inf", "NaN", "nan").Replace(s)
}

var escapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", `\${`)

func quoted(s string) string { return `"` + escapes.Replace(s) + `"` }

// nameText prints the name of an attribute, in quotes unless it is a plain word.
func nameText(name string) string {
	kind, keyword := keywords[name]
	if name == "" || keyword && kind != tokOrKeyword || matchID(name) != len(name) {
		return quoted(name)
	}
	return name
}

// shorten keeps what an owner wrote from filling a message.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
