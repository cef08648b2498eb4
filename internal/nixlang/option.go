package nixlang

// Form says how the definitions of one place of a declaration come together.
type Form uint8

// The forms. Where no option is known, sets come together name by name, and all else has to be equal.
const (
	One       Form = iota // all definitions are equal
	Many                  // a list: definitions are joined
	Named                 // a set with names of the owner's choice: name by name
	Group                 // a set of options: not an option itself, so a priority on it goes to each option in it
	Submodule             // a set of options that is one itself: a priority on it decides between whole sets
)

// Option is one place of a declaration, as the module system needs to know it: how definitions come
// together, and what `config` shows where there are none. What a value may be is not its affair.
type Option struct {
	Form     Form
	Fields   map[string]*Option // of a Group or Submodule
	Elem     *Option            // of Named
	Nullable bool               // null where nobody defines it; else a Many is [ ], and sets are empty
}

// field returns the option of a name inside o; nil where none is known.
func (o *Option) field(name string) *Option {
	switch {
	case o == nil:
		return nil
	case o.Form == Named:
		return o.Elem
	}
	return o.Fields[name]
}

func (o *Option) form() Form {
	if o == nil {
		return One
	}
	return o.Form
}

// notDefined is the list of an option that nobody defines: it is told from an empty one by its place.
var notDefined = &list{}

// undefined is what `config` shows of an option that nobody defines.
func (m *machine) undefined(path string, o *Option) *value {
	switch {
	case o == nil || o.Nullable || o.Form == One:
		return nullValue
	case o.Form == Many:
		return &value{tag: tagList, ref: notDefined}
	}
	return m.members(path, o, nil)
}
