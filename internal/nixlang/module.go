package nixlang

import (
	"context"
	_ "embed" // lib.nix
	"sync"
)

// Module returns what a declaration in the style of a NixOS module declares. A function
// `{ config, lib, pkgs, ... }: …` is called: lib is the part of nixpkgs' lib that lib.nix holds,
// config, pkgs and options are refused when they are used. A plain set is returned as it is. A set
// with the explicit form `{ config = …; }` gives its config. What belongs to the fixpoint of
// modules, imports and options, is refused by name.
//
// v must come from EvalFile or EvalString.
func Module(ctx context.Context, v *Value) (*Value, error) {
	m := v.m
	m.begin(ctx)
	result := v.v
	if result.tag == tagLambda {
		var err error
		if result, err = m.callModule(result); err != nil {
			return nil, err
		}
	}
	if result.tag != tagAttrs {
		return nil, failf(v.at, "a declaration is a set or a function that gives one, and this is %s", result.what())
	}
	result, err := m.declared(result, v.at)
	if err != nil {
		return nil, err
	}
	return &Value{m: m, v: result, at: v.at}, nil
}

func (m *machine) callModule(fn *value) (*value, error) {
	f := fn.lambda()
	args := m.moduleArgs()
	if f.pattern != nil {
		for _, fm := range f.pattern.formals {
			if args.get(fm.name) == nil && fm.otherwise == nil {
				return nil, failf(fm.pos, "the argument '%s' is not known here", fm.name).
					try("a declaration may ask for config, lib, options and pkgs")
			}
		}
		if !f.pattern.ellipsis {
			return nil, failf(f.pos, "the arguments of a declaration must end with '...'").
				try("write { lib, ... }: as every NixOS module does")
		}
	}
	return m.apply(fn, f.pos, attrsValue(args))
}

const (
	hintModules = "write the value itself"
	whyFixpoint = "declarations are read one by one, not merged as NixOS modules are"
)

func (m *machine) moduleArgs() *attrs {
	return newAttrs([]attr{
		{name: "lib", val: lazyValue((*machine).library)},
		{name: "config", val: refusal("config", whyFixpoint, hintModules+", or bind it with let")},
		{name: "options", val: refusal("options", whyFixpoint, hintModules)},
		{name: "pkgs", val: refusal("pkgs", "evaluation is offline and has no nixpkgs", hintModules+"; lib is available")},
	})
}

// declared looks at the keys that mean something to the module system itself.
func (m *machine) declared(v *value, at pos) (*value, error) {
	set := v.attrs()
	for _, name := range []string{"imports", "options", "disabledModules"} {
		if a := set.get(name); a != nil {
			return nil, failf(nearer(a.at, at), "'%s' is not available here: %s", name, whyFixpoint).
				try("use import and '//' to put files together")
		}
	}
	explicit := set.get("config")
	if explicit == nil {
		return v, nil
	}
	for _, a := range set.items {
		if a.name != "config" && a.name != "_file" && a.name != "key" {
			return nil, failf(nearer(a.at, at), "'%s' stands beside 'config', and where 'config' is given everything belongs into it", a.name).
				try("move '%s' into 'config', or take 'config' away", a.name)
		}
	}
	if err := m.forceTo(explicit.val, tagAttrs, nearer(explicit.at, at)); err != nil {
		return nil, err
	}
	return explicit.val, nil
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
	return nil, failf(pos{}, "lib.%s is not available here: %s", name, whyFixpoint).try("%s", hint)
}}
