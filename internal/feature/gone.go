package feature

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// WhyGone explains why a feature that before came to is not one that r comes to: what brought it in then and does
// so no more, or what r says against it. How far it had come (on, waiting, unavailable) has nothing to do with that.
func (r Resolution) WhyGone(before Resolution, id catalogue.ID) []string {
	cat := r.catalogue()
	was, ok := before.Lookup(id)
	place, _, known := cat.Place(string(id))
	if !ok || !known {
		return nil
	}
	if f, told := r.told(id); told {
		return []string{f.What}
	}
	if r.Refused() {
		return []string{"the declaration is refused"}
	}
	w := read(cat, r.Declaration)
	if w.disabled.in.Has(place) {
		return []string{"in " + optDisabled}
	}
	var out []string
	for _, by := range was.Why {
		switch by.Kind {
		case Selected:
			out = append(out, "no longer in "+by.By)
		case FromProfile:
			out = append(out, "profile "+by.By+" is not used")
		case RequiredBy:
			if !slices.ContainsFunc(r.Effective, func(e Effective) bool { return string(e.ID) == by.By }) {
				out = append(out, by.By+", which requires it, goes too")
			}
		case IsCore:
		}
	}
	return out
}
