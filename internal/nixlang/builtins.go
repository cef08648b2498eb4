package nixlang

import "sync"

// builtin tables stand one to a file, by what they work on. A name in globalNames may be written
// without `builtins.`; the others are global with two underscores in front, as in Nix.
var builtinTables = sync.OnceValue(func() []primitive {
	var all []primitive
	for _, table := range [][]primitive{
		typeBuiltins, numberBuiltins, textBuiltins, patternBuiltins, versionBuiltins, listBuiltins,
		listSearchBuiltins, attrsBuiltins, attrsGroupBuiltins, controlBuiltins, fileBuiltins, jsonBuiltins, tomlBuiltins,
	} {
		all = append(all, table...)
	}
	return all
})

var globalNames = map[string]bool{
	"abort": true, "baseNameOf": true, "break": true, "derivation": true, "derivationStrict": true,
	"dirOf": true, "false": true, "fetchGit": true, "fetchMercurial": true, "fetchTarball": true,
	"fetchTree": true, "fromTOML": true, "import": true, "isNull": true, "map": true, "null": true,
	"placeholder": true, "removeAttrs": true, "scopedImport": true, "throw": true, "toString": true,
	"true": true,
}

// globalScope returns the outermost scope of every file.
func globalScope() (*scope, *env) {
	items := []attr{
		{name: "true", val: trueValue},
		{name: "false", val: falseValue},
		{name: "null", val: nullValue},
		{name: "langVersion", val: intValue(6)}, // the language of Nix 2.8
	}
	table := builtinTables()
	for i := range table {
		items = append(items, attr{name: table[i].name, val: &value{tag: tagPrimitive, ref: &table[i]}})
	}
	for _, r := range refusedBuiltins {
		items = append(items, attr{name: r.name, val: refusal("builtins."+r.name, r.why, r.hint)})
	}
	self := &value{tag: tagAttrs}
	all := newAttrs(append(items, attr{name: "builtins", val: self}))
	self.ref = all
	names := make(map[string]int, len(all.items))
	slots := make([]*value, len(all.items))
	for i, a := range all.items {
		name := a.name
		if !globalNames[name] && name != "builtins" {
			name = "__" + name
		}
		names[name], slots[i] = i, a.val
	}
	return &scope{names: names}, &env{slots: slots}
}

// Arguments of builtins: forced to the sort that is wanted.

func (m *machine) listArg(v *value, at pos) (*list, error) {
	if err := m.forceTo(v, tagList, at); err != nil {
		return nil, err
	}
	return v.list(), m.step(at, len(v.list().items))
}

func (m *machine) attrsArg(v *value, at pos) (*attrs, error) {
	if err := m.forceTo(v, tagAttrs, at); err != nil {
		return nil, err
	}
	return v.attrs(), m.step(at, len(v.attrs().items))
}

func (m *machine) stringArg(v *value, at pos) (string, error) {
	if err := m.forceTo(v, tagString, at); err != nil {
		return "", err
	}
	return v.str, nil
}

func (m *machine) intArg(v *value, at pos) (int64, error) {
	if err := m.forceTo(v, tagInt, at); err != nil {
		return 0, err
	}
	return v.int(), nil
}

// boolCall calls fn and wants true or false from it.
func (m *machine) boolCall(at pos, fn *value, args ...*value) (bool, error) {
	v, err := m.apply(fn, at, args...)
	if err != nil {
		return false, err
	}
	return v.bool(), m.want(v, tagBool, at)
}

// items makes room for a list of n elements.
func (m *machine) items(at pos, n int) ([]*value, error) {
	if err := m.reserve(at, n, sizeItem); err != nil {
		return nil, err
	}
	return make([]*value, 0, n), nil
}

// later is the delayed result of calling fn.
func (m *machine) later(at pos, fn *value, args ...*value) *value {
	m.charge(3 * sizeValue)
	return lazyValue(func(m *machine) (*value, error) { return m.apply(fn, at, args...) })
}
