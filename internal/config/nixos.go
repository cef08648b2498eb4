package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// NixOptions returns the NixOS module that declares hypervisor.*: every key of a declaration as an
// option with its type, default and description. nix/options.nix is this, checked fresh.
//
// An option that nobody sets is null, an empty list or an empty set, and module.nix leaves it out of
// what the daemon reads: what its absence means is decided in one place, and told in the description.
func NixOptions() []byte {
	section, _ := theShape().under("hypervisor")
	w := &optionWriter{}
	w.WriteString(`# Made from the schema and the catalogue: go test ./nix -update
{ lib, ... }:
let
  inherit (lib) mkOption types;
  named = pattern: most: type: types.addCheck (types.attrsOf type)
    (v: builtins.length (builtins.attrNames v) <= most
      && lib.all (n: pattern == null || builtins.match pattern n != null) (builtins.attrNames v));
  upTo = most: type: types.addCheck (types.listOf type) (v: builtins.length v <= most);
  size = types.either types.ints.positive (types.strMatching ` + nixText(nixSize) + `);
in
{
  options.hypervisor = `)
	w.group(section, 1)
	w.WriteString(";\n}\n")
	return []byte(w.String())
}

// nixSize is sizePattern as a POSIX expression.
const nixSize = ` *[0-9]*[.]?[0-9]+ *([PTGMKptgmk]|[PTGMK]iB|B)? *`

type optionWriter struct{ strings.Builder }

func (w *optionWriter) line(depth int, format string, args ...any) {
	w.WriteString("\n" + strings.Repeat("  ", depth))
	fmt.Fprintf(w, format, args...)
}

// group writes a set of options, not an option itself.
func (w *optionWriter) group(s *shape, depth int) {
	w.WriteString("{")
	for _, f := range s.fields {
		w.line(depth+1, "%s = ", nixlang.Name(f.name))
		if f.shape.form == formObject && !f.shape.absent && !s.inMap() {
			w.group(f.shape, depth+1)
		} else {
			w.option(f.shape, depth+1)
		}
		w.WriteString(";")
	}
	w.line(depth, "}")
}

// inMap reports whether s stands below a map of the owner's names.
func (s *shape) inMap() bool { return strings.Contains(s.path, "*") }

func (w *optionWriter) option(s *shape, depth int) {
	nullable := !s.note.required && (s.absent || s.form != formMap && s.form != formList && s.form != formObject)
	w.WriteString("mkOption {")
	w.line(depth+1, "type = ")
	if nullable {
		w.WriteString("types.nullOr (")
	}
	w.nixType(s, depth+1)
	if nullable {
		w.WriteString(")")
	}
	w.WriteString(";")
	switch {
	case s.note.required:
	case nullable:
		w.line(depth+1, "default = null;")
	case s.form == formList:
		w.line(depth+1, "default = [ ];")
	default:
		w.line(depth+1, "default = { };")
	}
	w.line(depth+1, "description = %s;", nixText(s.described()))
	w.line(depth, "}")
}

// described is what the schema says of s, and once which features there are.
func (s *shape) described() string {
	if s.path != "hypervisor.featureManager.enabledFeatures" {
		return s.note.doc
	}
	var b strings.Builder
	b.WriteString(s.note.doc)
	for _, f := range catalogue.All() {
		if !f.Core {
			fmt.Fprintf(&b, "\n\n`%s` (%s risk): %s", f.ID, f.Risk, f.Description)
		}
	}
	return b.String()
}

func (w *optionWriter) nixType(s *shape, depth int) {
	switch s.form {
	case formObject:
		w.WriteString("types.submodule { options = ")
		w.group(s, depth)
		w.WriteString("; }")
	case formMap:
		w.many(s, depth, "types.attrsOf (", fmt.Sprintf("named %s %d (", s.nixNames(), s.most(maxKeys)))
	case formList:
		w.many(s, depth, "types.listOf (", fmt.Sprintf("upTo %d (", s.most(maxItems)))
	case formText:
		w.WriteString(s.nixString())
	case formWhole:
		if s.note.high == 0 {
			w.WriteString("types.ints.unsigned")
			return
		}
		fmt.Fprintf(w, "types.ints.between %d %d", s.note.low, s.note.high)
	case formFlag:
		w.WriteString("types.bool")
	case formSize:
		w.WriteString("size")
	}
}

// many writes a list or map. Of features any number may be named: that it is too many is asserted.
func (w *optionWriter) many(s *shape, depth int, free, bounded string) {
	if strings.HasPrefix(s.path, "hypervisor.featureManager.") {
		bounded = free
	}
	w.WriteString(bounded)
	w.nixType(s.elem, depth)
	w.WriteString(")")
}

// nixNames is the pattern of a map's names, or null.
func (s *shape) nixNames() string {
	if s.note.pattern == "" {
		return "null"
	}
	return nixText(unanchored(s.note.pattern))
}

// nixString is the type of a string. A name of a feature is any string: that it exists is asserted, with
// the nearest ones that do.
func (s *shape) nixString() string {
	switch {
	case len(s.note.older) > 0:
		return "types.str"
	case len(s.note.enum) > 0:
		var quoted []string
		for _, v := range s.note.enum {
			quoted = append(quoted, nixText(v))
		}
		return "types.enum [ " + strings.Join(quoted, " ") + " ]"
	case s.note.pattern != "":
		return "types.strMatching " + nixText(unanchored(s.note.pattern))
	}
	return "types.str"
}

// unanchored is a pattern as builtins.match takes it, which matches the whole of a string.
func unanchored(pattern string) string {
	return strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
}

// nixText quotes s for Nix; text of several lines stands so.
func nixText(s string) string {
	if strings.Contains(s, "\n") && !strings.Contains(s, "''") && !strings.Contains(s, "${") {
		return "''\n" + s + "''"
	}
	return strings.ReplaceAll(strconv.Quote(s), "${", `\${`)
}
