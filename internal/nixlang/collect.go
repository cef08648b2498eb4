package nixlang

import "path"

// fixpoint collects modules and what they define. Its defs are read when `config` is: by then all
// modules are there, since imports may not depend on it.
type fixpoint struct {
	m    *machine
	args *attrs
	seen map[string]bool // files
	defs []definition
	all  bool // they are all there
}

// config is what the modules together define.
func (f *fixpoint) config(options *Option) *value {
	return lazyValue(func(m *machine) (*value, error) {
		if !f.all {
			return nil, failf(pos{}, "what a module imports, and which names it defines, cannot depend on config").
				try("put the condition into the values: lib.mkIf")
		}
		return m.group("", options, f.defs)
	})
}

// maxModules bounds how many modules one declaration has: an import that imports itself anew each
// time would have no end.
const maxModules = 1000

// wanted is a module that is not looked at yet.
type wanted struct {
	val      *value
	at       pos
	imported bool // it may name a file
}

// collect takes the first module and all that it imports, directly or not. The definitions of the
// first come last, as in NixOS, where lists show it.
func (f *fixpoint) collect(first *value, at pos) error {
	todo := []wanted{{val: first, at: at}}
	for name, v := range f.m.imports {
		f.seen[name] = v == first
	}
	for n := 0; n < len(todo); n++ {
		if n == maxModules {
			return failf(todo[n].at, "more than %d modules are imported", maxModules)
		}
		d, imports, err := f.module(todo[n])
		if err != nil {
			return err
		}
		todo = append(todo, imports...)
		if d.val != nil {
			f.defs = append([]definition{d}, f.defs...)
		}
	}
	f.all = true
	return nil
}

// module returns what one module defines, and what it imports. A file that was seen gives neither.
func (f *fixpoint) module(w wanted) (definition, []wanted, error) {
	m := f.m
	if err := m.step(w.at, 1); err != nil {
		return definition{}, nil, err
	}
	if err := m.force(w.val, w.at); err != nil {
		return definition{}, nil, err
	}
	v := w.val
	if w.imported && (v.tag == tagPath || v.tag == tagString) {
		name, again, err := f.file(v, w.at)
		if err != nil || again {
			return definition{}, nil, err
		}
		if v, err = m.importFile(name, w.at); err != nil {
			return definition{}, nil, err
		}
	}
	if v.tag == tagLambda {
		var err error
		if v, err = f.call(v); err != nil {
			return definition{}, nil, err
		}
	}
	if v.tag != tagAttrs {
		return definition{}, nil, failf(w.at, "a declaration is a set or a function that gives one, and this is %s", v.what())
	}
	return f.parts(v.attrs(), w.at)
}

// file names the file that an import means, and says whether it was seen before.
func (f *fixpoint) file(v *value, at pos) (name string, again bool, err error) {
	name, err = f.m.inFolder(v, at)
	if err != nil {
		return "", false, err
	}
	info, err := f.m.stat(name, at)
	if err != nil {
		return "", false, err
	}
	if info.IsDir() {
		name = path.Join(name, "default.nix")
	}
	again = f.seen[name]
	f.seen[name] = true
	return name, again, nil
}

func (f *fixpoint) call(fn *value) (*value, error) {
	l := fn.lambda()
	if l.pattern != nil {
		for _, fm := range l.pattern.formals {
			if f.args.get(fm.name) == nil && fm.otherwise == nil {
				return nil, failf(fm.pos, "the argument '%s' is not known here", fm.name).
					try("a declaration may ask for config, lib, options and pkgs")
			}
		}
		if !l.pattern.ellipsis {
			return nil, failf(l.pos, "the arguments of a declaration must end with '...'").
				try("write { lib, ... }: as every NixOS module does")
		}
	}
	return f.m.apply(fn, l.pos, attrsValue(f.args))
}

func moduleArgs(config *value) *attrs {
	return newAttrs([]attr{
		{name: "lib", val: lazyValue((*machine).library)},
		{name: "config", val: config},
		{name: "options", val: refusal("options", whyData, hintValue)},
		{name: "pkgs", val: refusal("pkgs", "evaluation is offline and has no nixpkgs", hintValue+"; lib is available")},
	})
}

// notInModules is what a module of NixOS may have, and a declaration may not.
var notInModules = []struct{ name, hint string }{
	{"options", "define values: the options of a declaration are given"},
	{"disabledModules", "leave the module out of imports"},
	{"_module", "bind it with let, or give it a file of its own and import that"},
}

// parts tells what a module imports from what it defines.
func (f *fixpoint) parts(set *attrs, at pos) (definition, []wanted, error) {
	for _, not := range notInModules {
		if a := set.get(not.name); a != nil {
			return definition{}, nil, failf(nearer(a.at, at), "'%s' is not available here: %s", not.name, whyData).try("%s", not.hint)
		}
	}
	imports, err := f.imports(set, at)
	if err != nil {
		return definition{}, nil, err
	}
	own := func(name string) bool { return name != "imports" && name != "_file" && name != "key" }
	explicit := set.get("config")
	if explicit == nil {
		return definition{val: attrsValue(set.keep(own)), at: at}, imports, nil
	}
	for _, a := range set.items {
		if own(a.name) && a.name != "config" {
			return definition{}, nil, failf(nearer(a.at, at), "'%s' stands beside 'config', and where 'config' is given everything belongs into it", a.name).
				try("move '%s' into 'config', or take 'config' away", a.name)
		}
	}
	where := nearer(explicit.at, at)
	if err := f.m.forceTo(explicit.val, tagAttrs, where); err != nil {
		return definition{}, nil, err
	}
	return definition{val: explicit.val, at: where}, imports, nil
}

func (f *fixpoint) imports(set *attrs, at pos) ([]wanted, error) {
	a := set.get("imports")
	if a == nil {
		return nil, nil
	}
	where := nearer(a.at, at)
	all, err := f.m.listArg(a.val, where)
	if err != nil {
		return nil, traced(err, where, "while reading 'imports'")
	}
	f.m.charge(len(all.items) * 2 * sizeItem)
	var out []wanted
	for i, item := range all.items {
		out = append(out, wanted{item, nearer(all.place(i), where), true})
	}
	return out, nil
}
