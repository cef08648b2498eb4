package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/nearest"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// The codes of what does not fit the shape. They are stable.
const (
	CodeUnknown = "HV-DECL-002" // a key that does not exist
	CodeType    = "HV-DECL-003" // another type than the key takes
	CodeName    = "HV-DECL-006" // a VM's name contradicts the key it stands under
)

// Bounds of what one key may hold.
const (
	maxText  = 4096 // bytes of one string
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
func (s *strict) fill(sh *shape, path string, n tree.Node, into reflect.Value) {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		if into = into.Elem(); into.Kind() == reflect.Slice {
			into.Set(reflect.MakeSlice(into.Type(), 0, 0)) // given and empty, which is not absent
		}
	}
	switch {
	case n.Kind == tree.Null:
		s.say(CodeType, path, n.At, "leave the key out where you wish nothing", "expected %s, found null", sh.form)
	case sh.form == formObject && n.Kind == tree.Object:
		s.object(sh, path, n, into)
	case sh.form == formMap && n.Kind == tree.Object:
		s.mapping(sh, path, n, into)
	case sh.form == formList && n.Kind == tree.List:
		s.list(sh, path, n, into)
	case sh.form == formText && n.Kind == tree.Text:
		s.text(path, n, into)
	case sh.form == formWhole && n.Kind == tree.Whole:
		s.whole(path, n, into)
	case sh.form == formFlag && n.Kind == tree.Flag:
		into.SetBool(n.Flag)
	case sh.form == formSize && (n.Kind == tree.Text || n.Kind == tree.Whole):
		s.size(path, n, into)
	default:
		s.say(CodeType, path, n.At, retype(sh, n), "expected %s, found %s%s", sh.form, n.Kind, quoted(n))
	}
}

// quoted is what to show of n after its kind.
func quoted(n tree.Node) string {
	switch n.Kind {
	case tree.Flag, tree.Whole, tree.Fraction, tree.Text, tree.Path:
		return " (" + n.Show() + ")"
	case tree.Null, tree.List, tree.Object:
	}
	return ""
}

// retype is how to write n so that it fits, where that is plain.
func retype(sh *shape, n tree.Node) string {
	switch {
	case sh.form == formList && n.Kind == tree.Text:
		return "put it in brackets: [ " + n.Show() + " ]"
	case n.Kind == tree.Path:
		return "name a thing that Hyper-NixOS keeps (hv volume list, hv boot-file list), never a file of the host's"
	case len(sh.note.enum) > 0:
		return "one of " + strings.Join(sh.note.enum, ", ")
	case sh.form == formText && (n.Kind == tree.Whole || n.Kind == tree.Fraction || n.Kind == tree.Flag):
		return `put it in quotes: "` + n.Show() + `"`
	case sh.form == formWhole && n.Kind == tree.Text && isWhole(n.Text), sh.form == formFlag && (n.Text == "true" || n.Text == "false"):
		return "leave the quotes out: " + n.Text
	case sh.form == formFlag && n.Kind == tree.Text:
		return cmp.Or(map[string]string{"on": "true", "yes": "true", "off": "false", "no": "false"}[n.Text], "true or false")
	case sh.form == formSize && n.Kind == tree.Fraction:
		return `put it in quotes, with a unit: "` + n.Show() + `GiB"`
	}
	return "hv help declaration shows what each key takes"
}

func isWhole(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func (s *strict) object(sh *shape, path string, n tree.Node, into reflect.Value) {
	for _, m := range n.Members {
		f, ok := sh.field(m.Name)
		if !ok {
			s.unknown(path, m, sh.names())
			continue
		}
		at := join(path, m.Name)
		s.sources[at] = m.Place()
		s.fill(f.shape, at, m.Value, into.FieldByIndex(f.index))
	}
}

// unknown says that m is no key here, and which one may have been meant.
func (s *strict) unknown(path string, m tree.Member, known []string) {
	hint := "known here: " + strings.Join(known, ", ")
	if near := nearest.Names(m.Name, known, 3); len(near) > 0 {
		hint = strings.Join(near, " or ")
	}
	if inside, _ := theShape().under("hypervisor"); path == "" && slices.Contains(inside.names(), m.Name) {
		hint = "hypervisor." + m.Name
	}
	s.say(CodeUnknown, keyPath(path, m.Name), m.At, hint, "there is no such key")
}

func (s *strict) mapping(sh *shape, path string, n tree.Node, into reflect.Value) {
	if len(n.Members) > maxKeys {
		s.say(tree.CodeBounds, path, n.At, "", "%d keys are more than %d", len(n.Members), maxKeys)
		return
	}
	if len(n.Members) == 0 {
		return // the same as absent
	}
	out := reflect.MakeMapWithSize(into.Type(), len(n.Members))
	for _, m := range n.Members {
		at := keyPath(path, m.Name)
		if why := unfit(m.Name); why != "" {
			s.say(tree.CodeBounds, at, m.At, fitting(m.Name), "the key %s", why)
			continue
		}
		s.sources[at] = m.Place()
		v := reflect.New(into.Type().Elem()).Elem()
		s.fill(sh.elem, at, m.Value, v)
		out.SetMapIndex(reflect.ValueOf(m.Name).Convert(into.Type().Key()), v)
	}
	into.Set(out)
}

func (s *strict) list(sh *shape, path string, n tree.Node, into reflect.Value) {
	if len(n.Items) > maxItems {
		s.say(tree.CodeBounds, path, n.At, "", "%d items are more than %d", len(n.Items), maxItems)
		return
	}
	if len(n.Items) == 0 {
		return // absent, or what fill made of it
	}
	out := reflect.MakeSlice(into.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		at := itemPath(path, i)
		s.sources[at] = item.At
		s.fill(sh.elem, at, item, out.Index(i))
	}
	into.Set(out)
}

func (s *strict) text(path string, n tree.Node, into reflect.Value) {
	if why := unfit(n.Text); why != "" {
		s.say(tree.CodeBounds, path, n.At, fitting(n.Text), "the string %s", why)
		return
	}
	into.SetString(n.Text)
}

// unfit says why no string of a declaration may be v: whoever prints one trusts that.
func unfit(v string) string {
	if len(v) > maxText {
		return fmt.Sprintf("has %d bytes, more than %d", len(v), maxText)
	}
	for _, r := range v {
		if tree.Control(r) {
			return fmt.Sprintf("has a control character (U+%04X)", r)
		}
	}
	return ""
}

// fitting is the next step for a string that is unfit; empty where that of a bound will do.
func fitting(v string) string {
	if len(v) <= maxText {
		return "remove the character: no name or text of a declaration has one"
	}
	return ""
}

func (s *strict) whole(path string, n tree.Node, into reflect.Value) {
	v, err := strconv.ParseInt(n.Text, 10, 64)
	if err != nil || into.OverflowInt(v) {
		s.say(tree.CodeBounds, path, n.At, "", "%s is too large", n.Show())
		return
	}
	into.SetInt(v)
}

func (s *strict) size(path string, n tree.Node, into reflect.Value) {
	v, err := model.ParseBytes(n.Text)
	if err != nil {
		s.say(CodeType, path, n.At, fault.HintOf(err), "%s", err)
		return
	}
	into.SetInt(int64(v))
}
