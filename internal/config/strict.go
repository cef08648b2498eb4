package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/nearest"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Bounds of what one key may hold.
const (
	maxKeys  = 4096 // of a map: VMs of one host
	maxItems = 1024 // of a list
)

// strict fills Go values from a tree by their shape, notes where everything stands and collects
// all that does not fit.
type strict struct {
	sources SourceMap
	found   []Problem
}

func (s *strict) say(code, path string, at finding.Position, hint, format string, args ...any) {
	s.found = append(s.found, Problem{Code: code, Position: at, Path: path, What: fmt.Sprintf(format, args...), Hint: hint})
}

// fill sets into, which sh describes, from n at path.
func (s *strict) fill(sh *shape, path string, n node, into reflect.Value) {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		if into = into.Elem(); into.Kind() == reflect.Slice {
			into.Set(reflect.MakeSlice(into.Type(), 0, 0)) // given and empty, which is not absent
		}
	}
	switch {
	case n.kind == kindNull:
		s.say(CodeType, path, n.at, "leave the key out where you wish nothing", "expected %s, found null", sh.form)
	case sh.form == formObject && n.kind == kindObject:
		s.object(sh, path, n, into)
	case sh.form == formMap && n.kind == kindObject:
		s.mapping(sh, path, n, into)
	case sh.form == formList && n.kind == kindList:
		s.list(sh, path, n, into)
	case sh.form == formText && n.kind == kindText:
		s.text(path, n, into)
	case sh.form == formWhole && n.kind == kindWhole:
		s.whole(path, n, into)
	case sh.form == formFlag && n.kind == kindFlag:
		into.SetBool(n.flag)
	case sh.form == formSize && (n.kind == kindText || n.kind == kindWhole):
		s.size(path, n, into)
	default:
		s.say(CodeType, path, n.at, retype(sh, n), "expected %s, found %s%s", sh.form, n.kind, quoted(n))
	}
}

// quoted is what to show of n after its kind.
func quoted(n node) string {
	switch n.kind {
	case kindFlag, kindWhole, kindFraction, kindText, kindPath:
		return " (" + n.show() + ")"
	case kindNull, kindList, kindObject:
	}
	return ""
}

// retype is how to write n so that it fits, where that is plain.
func retype(sh *shape, n node) string {
	switch {
	case sh.form == formList && n.kind == kindText:
		return "put it in brackets: [ " + n.show() + " ]"
	case n.kind == kindPath:
		return "name a thing that Hyper-NixOS keeps (hv volume list, hv boot-file list), never a file of the host's"
	case len(sh.note.enum) > 0:
		return "one of " + strings.Join(sh.note.enum, ", ")
	case sh.form == formText && (n.kind == kindWhole || n.kind == kindFraction || n.kind == kindFlag):
		return `put it in quotes: "` + n.show() + `"`
	case sh.form == formWhole && n.kind == kindText && isWhole(n.text), sh.form == formFlag && (n.text == "true" || n.text == "false"):
		return "leave the quotes out: " + n.text
	case sh.form == formFlag && n.kind == kindText:
		return map[string]string{"on": "true", "yes": "true", "off": "false", "no": "false"}[n.text]
	case sh.form == formSize && n.kind == kindFraction:
		return `put it in quotes, with a unit: "` + n.show() + `GiB"`
	}
	return ""
}

func isWhole(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func (s *strict) object(sh *shape, path string, n node, into reflect.Value) {
	for _, m := range n.members {
		f, ok := sh.field(m.name)
		if !ok {
			s.unknown(path, m, sh.names())
			continue
		}
		at := join(path, m.name)
		s.sources[at] = m.place()
		s.fill(f.shape, at, m.value, into.FieldByIndex(f.index))
	}
}

// unknown says that m is no key here, and which one may have been meant.
func (s *strict) unknown(path string, m member, known []string) {
	hint := "known here: " + strings.Join(known, ", ")
	if near := nearest.Names(m.name, known, 3); len(near) > 0 {
		hint = strings.Join(near, " or ")
	}
	if inside, _ := theShape().under("hypervisor"); path == "" && slices.Contains(inside.names(), m.name) {
		hint = "hypervisor." + m.name
	}
	s.say(CodeUnknown, keyPath(path, m.name), m.at, hint, "there is no such key")
}

func (s *strict) mapping(sh *shape, path string, n node, into reflect.Value) {
	if len(n.members) > maxKeys {
		s.say(CodeBounds, path, n.at, "", "%d keys are more than %d", len(n.members), maxKeys)
		return
	}
	if len(n.members) == 0 {
		return // the same as absent
	}
	out := reflect.MakeMapWithSize(into.Type(), len(n.members))
	for _, m := range n.members {
		at := keyPath(path, m.name)
		if why := unfit(m.name); why != "" {
			s.say(CodeBounds, at, m.at, "", "the key %s", why)
			continue
		}
		s.sources[at] = m.place()
		v := reflect.New(into.Type().Elem()).Elem()
		s.fill(sh.elem, at, m.value, v)
		out.SetMapIndex(reflect.ValueOf(m.name).Convert(into.Type().Key()), v)
	}
	into.Set(out)
}

func (s *strict) list(sh *shape, path string, n node, into reflect.Value) {
	if len(n.items) > maxItems {
		s.say(CodeBounds, path, n.at, "", "%d items are more than %d", len(n.items), maxItems)
		return
	}
	if len(n.items) == 0 {
		return // absent, or what fill made of it
	}
	out := reflect.MakeSlice(into.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		at := itemPath(path, i)
		s.sources[at] = item.at
		s.fill(sh.elem, at, item, out.Index(i))
	}
	into.Set(out)
}

func (s *strict) text(path string, n node, into reflect.Value) {
	if why := unfit(n.text); why != "" {
		s.say(CodeBounds, path, n.at, "", "the string %s", why)
		return
	}
	into.SetString(n.text)
}

// unfit says why no string of a declaration may be v: whoever prints one trusts that.
func unfit(v string) string {
	if len(v) > maxText {
		return fmt.Sprintf("has %d bytes, more than %d", len(v), maxText)
	}
	for _, r := range v {
		if control(r) {
			return fmt.Sprintf("has a control character (U+%04X)", r)
		}
	}
	return ""
}

// control reports whether a terminal may obey r: C0 and C1 but newline and tab, and what turns the
// direction of text, so that it reads other than it is.
func control(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func (s *strict) whole(path string, n node, into reflect.Value) {
	v, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || into.OverflowInt(v) {
		s.say(CodeBounds, path, n.at, "", "%s is too large", n.show())
		return
	}
	into.SetInt(v)
}

func (s *strict) size(path string, n node, into reflect.Value) {
	v, err := model.ParseBytes(n.text)
	if err != nil {
		s.say(CodeType, path, n.at, fault.HintOf(err), "%s", err)
		return
	}
	into.SetInt(int64(v))
}
