package nixlang

import (
	"context"
	_ "embed" // lib.nix
	"sync"
)

const (
	hintValue = "write the value itself"
	whyData   = "a declaration is data for options that are given"
)

// Module returns what a declaration in the style of NixOS modules declares. A function
// `{ config, lib, ... }: …` is called: lib is the part of nixpkgs' lib that lib.nix holds, config is
// what all modules together declare, where options says what is known there; pkgs and options are
// refused when they are used. Files and modules in `imports` are modules too. What nobody defines, or
// defines as null, is left out. A plain set without imports is returned as it is.
//
// v must come from EvalFile or EvalString.
func Module(ctx context.Context, v *Value, options *Option) (*Value, error) {
	m := v.m
	m.begin(ctx)
	if v.v.tag == tagAttrs && !usesModules(v.v.attrs()) {
		return v, nil
	}
	known := options
	if known == nil {
		known = &Option{Form: Group}
	}
	if err := m.enter(v.at); err != nil {
		return nil, err
	}
	defer func() { m.depth-- }()
	f := &fixpoint{m: m, seen: map[string]bool{}}
	config := f.config(known)
	f.args = moduleArgs(config)
	if err := f.collect(v.v, v.at); err != nil {
		return nil, err
	}
	result, err := m.declared(config, v.at)
	if err != nil {
		return nil, err
	}
	return &Value{m: m, v: result, at: v.at}, nil
}

// usesModules reports whether a plain set is more than that.
func usesModules(set *attrs) bool {
	for _, name := range []string{"imports", "options", "disabledModules", "config", "_type", "_module"} {
		if set.get(name) != nil {
			return true
		}
	}
	return false
}

// declared is what somebody has defined in v.
func (m *machine) declared(v *value, at pos) (*value, error) {
	if err := m.enter(at); err != nil {
		return nil, err
	}
	defer func() { m.depth-- }()
	if err := m.force(v, at); err != nil {
		return nil, err
	}
	if v.tag != tagAttrs || !v.attrs().options {
		return v, nil
	}
	set := v.attrs()
	kept := make([]attr, 0, len(set.items))
	m.charge(len(set.items) * (sizeAttr + sizeValue))
	for i := range set.items {
		a := &set.items[i]
		val, err := m.declared(a.val, nearer(a.at, at))
		if err != nil {
			return nil, err
		}
		if nobodys(val) && !a.at.known() || val.tag == tagNull {
			continue
		}
		kept = append(kept, attr{a.name, val, a.at})
	}
	return attrsValue(&attrs{items: kept}), nil
}

// nobodys reports whether v may stand for an option without a definition.
func nobodys(v *value) bool {
	return v.tag == tagList && v.ref == any(notDefined) || v.tag == tagAttrs && len(v.attrs().items) == 0
}

//go:embed lib.nix
var libText string

// libTree is lib.nix, parsed once for all evaluations.
var libTree = sync.OnceValues(func() (expr, error) {
	names, _ := globalScope()
	src := &source{name: "lib.nix", dir: "/", text: libText, own: true}
	src.lineStarts() // now, while nobody shares it
	return parse(src, names, DefaultLimits())
})

// library is the value of lib.
func (m *machine) library() (*value, error) {
	tree, err := libTree()
	if err != nil {
		return nil, err
	}
	makeLib, err := m.eval(tree, m.globals)
	if err != nil {
		return nil, err
	}
	return m.apply(makeLib, pos{}, &value{tag: tagPrimitive, ref: &refuseInLib})
}

// refuseInLib lets lib.nix say what it does not hold: its argument is the name.
var refuseInLib = primitive{"refuse", 2, func(m *machine, at pos, args []*value) (*value, error) {
	name, err := m.stringArg(args[0], at)
	if err != nil {
		return nil, err
	}
	hint, err := m.stringArg(args[1], at)
	if err != nil {
		return nil, err
	}
	return nil, failf(pos{}, "lib.%s is not available here: %s", name, whyData).try("%s", hint)
}}
