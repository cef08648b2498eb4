package feature

import (
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// selection is what a wish asks for, beyond core: what is named stays, what comes from the profile may
// leave.
type selection struct{ named, members catalogue.Bits }

func (s selection) both() catalogue.Bits { return s.named | s.members }

func (w *wish) selection() selection {
	s := selection{named: w.named.in &^ w.cat.Core()}
	if !w.listed { // an explicit list beats the profile's set
		s.members = w.members &^ w.named.in
	}
	return s
}

func (w *wish) all(s selection) catalogue.Bits { return w.cat.Closed(s.both()) }

// subject is places as a finding's subject: first, and then the others.
func (w *wish) subject(first int, others catalogue.Bits) []string {
	if others == 0 {
		return w.cat.Name(first)
	}
	out := append(w.names.take(1+others.Len()), string(w.cat.At(first).ID))
	for i := range (others &^ catalogue.Bit(first)).Each() {
		out = append(out, string(w.cat.At(i).ID))
	}
	return out
}

// without is the edits that make a feature no longer effective: what is named and is or requires it is no
// longer named, and members of the profile that do are turned off; so are those that the profile would bring
// back in the place of what was named.
func (w *wish) without(place int, s selection) *out {
	users := w.cat.Users(place)
	named, members := users&s.named, users&s.members
	if named != 0 && !w.listed {
		members = users & w.members
	}
	if o := w.ready(place, named, members); o != nil {
		return o
	}
	n := members.Len()
	for u := range named.Each() {
		n += len(w.named.of(u))
	}
	steps := way(w.steps.take(n))
	for u := range named.Each() {
		steps = w.unmentioned(steps, w.named.of(u))
	}
	for u := range members.Each() {
		steps = append(steps, add(optDisabled, string(w.cat.At(u).ID)))
	}
	return w.worded(steps)
}

// ready is the way out that was made before, where one feature alone has to go.
func (w *wish) ready(place int, named, members catalogue.Bits) *out {
	switch one := catalogue.Bit(place); {
	case named == one && members == 0:
		return w.taken(w.named.of(place))
	case named == 0 && members == one:
		if s := w.spelled(place); s != nil {
			return &s.off
		}
	}
	return nil
}

// path is where the declaration brings in the first of these that it does not owe to core: where it is
// named, or else what requires it, or else the profile.
func (w *wish) path(first int, others catalogue.Bits) string {
	if at := w.named.of(first); len(at) > 0 {
		return at[0].path()
	}
	if i := (others & w.named.in).First(); i >= 0 {
		return w.named.of(i)[0].path()
	}
	for _, i := range []int{first, (others &^ w.cat.Core()).First()} {
		if i < 0 || w.cat.Core().Has(i) {
			continue
		}
		if u := (w.cat.Users(i) & w.named.in).First(); u >= 0 {
			return w.named.of(u)[0].path()
		}
		return pathOf(optProfile)
	}
	return ""
}

// added tells of requirements that nobody selected (decision 1).
func (w *wish) added(s selection, out finding.List) finding.List {
	option := optExtra
	if w.listed {
		option = optEnabled
	}
	selected := s.both()
	for i := range (w.all(s) &^ (w.cat.Core() | selected | w.disabled.in)).Each() {
		users := w.cat.Users(i) & selected
		id := string(w.cat.At(i).ID)
		out = append(out, w.mended(finding.Finding{
			Code: codeAdded, Severity: finding.Consequence, Path: w.path(users.First(), users), Subject: w.subject(i, users),
			What: w.join(id, " is added: ", w.verb(users, "require"), " it"), Why: "a missing requirement is added, not refused",
			Source: "reading the matrix: decision 1",
		}, "", w.way(add(option, id))))
	}
	return out
}

// requires says "a requires x" or "a and b require x".
func (w *wish) requires(users catalogue.Bits, place int) string {
	return w.join(w.verb(users, "require"), " ", string(w.cat.At(place).ID))
}

// verb says "a requires" or "a and b require".
func (w *wish) verb(users catalogue.Bits, does string) string {
	if users.Len() == 1 {
		does += "s"
	}
	n := 0
	for i := range users.Each() {
		n += len(w.cat.At(i).ID) + len(" and ")
	}
	b := w.begin(n + len(does))
	left := users.Len()
	for i := range users.Each() {
		b.WriteString(string(w.cat.At(i).ID))
		switch left--; left {
		case 0:
			b.WriteByte(' ')
		case 1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
	}
	b.WriteString(does)
	return w.end()
}

// inUse refuses to turn off what something uses, with all of its users.
func (w *wish) inUse(s selection, out finding.List) finding.List {
	for i := range w.disabled.in.Each() {
		off := w.disabled.of(i)
		users := w.cat.Users(i) & s.both()
		id := string(w.cat.At(i).ID)
		switch {
		case users != 0:
			out = append(out, w.orOff(finding.Finding{
				Code: codeInUse, Severity: finding.Refused, Path: off[0].path(), Subject: w.subject(i, users),
				What: w.join(id, " cannot be off: ", w.verb(users, "use"), " it"), Why: w.requires(users, i),
				Source: "reading the matrix: decision 4",
			}, ways{w.unmention(off).way}, i))
		case w.listed || !w.cat.MembersOf(w.profile.Name).Has(i):
			out = append(out, w.noEffect(off[0].path(), []string{id},
				id+" in disabledFeatures changes nothing", "nothing would turn it on", w.unmention(off).way))
		}
	}
	return out
}
