package config

import (
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// Options is the declaration as the module system needs to know it, from the same shape as all else:
// it says how the definitions of several modules come together.
var Options = sync.OnceValue(func() *nixlang.Option { return theShape().option(false) })

// option is s as an option; inMap says that a map of the owner's names stands around it: a set in
// there is an option itself, as in nix/options.nix.
func (s *shape) option(inMap bool) *nixlang.Option {
	o := &nixlang.Option{Nullable: s.absent}
	switch s.form {
	case formObject:
		o.Form, o.Fields = nixlang.Group, map[string]*nixlang.Option{}
		if inMap {
			o.Form = nixlang.Submodule
		}
		for _, f := range s.fields {
			o.Fields[f.name] = f.shape.option(inMap)
		}
	case formMap:
		o.Form, o.Elem = nixlang.Named, s.elem.option(true)
	case formList:
		o.Form = nixlang.Many
	case formText, formWhole, formFlag, formSize:
		o.Form = nixlang.One
	}
	return o
}
