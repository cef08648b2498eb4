package feature

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// keyed is the option of a key in a map; one that is no plain word stands in quotes, as in config's paths.
func keyed(option, key string) string {
	if key == "" || !plain(key) {
		key = strconv.Quote(key)
	}
	return option + "." + key
}

// plain reports whether a name is a plain word: letters, digits, - and _.
func plain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// understand turns a key into a place, with what is to be said of an older or an unknown name.
func (w *wish) understand(option, name string, said map[string]bool) (int, bool) {
	place, older, ok := w.cat.Place(name)
	if !ok || older {
		w.misnamed(option, name, pathOf(keyed(option, name)), place, said)
	}
	return place, ok
}

// readRisks takes the acknowledgements. A blank reason acknowledges nothing.
func (w *wish) readRisks(risks map[string]string) {
	if len(risks) == 0 || !w.fits(optRisks, len(risks)) {
		return
	}
	w.risks, w.acknowledged = make(map[int]string, len(risks)), make(map[int][]string, len(risks))
	said := map[string]bool{}
	for _, name := range sortedKeys(risks) {
		place, ok := w.understand(optRisks, name, said)
		reason := strings.TrimSpace(risks[name])
		if !ok || reason == "" {
			continue
		}
		w.acknowledged[place] = append(w.acknowledged[place], name)
		if w.risks[place] == "" {
			w.risks[place] = reason
		}
	}
}

// readScopes takes the declared scopes of conflicts.
func (w *wish) readScopes(declared map[string]map[string]string) {
	entries := len(declared)
	for _, inner := range declared {
		entries += len(inner)
	}
	if entries == 0 || !w.fits(optScope, entries) {
		return
	}
	w.scopes = make(map[int][]scopeEntry, entries)
	said := map[string]bool{}
	for _, a := range sortedKeys(declared) {
		first, ok := w.understand(optScope, a, said)
		for _, b := range sortedKeys(declared[a]) {
			second, known := w.understand(keyed(optScope, a), b, said)
			if ok && known {
				w.readScope(first, second, scopeEntry{a, b, catalogue.Scope(declared[a][b])})
			}
		}
	}
}

// scopeEntry is one entry of conflictScope as it was written.
type scopeEntry struct {
	a, b  string
	scope catalogue.Scope
}

// option is the entry's name in the declaration.
func (e scopeEntry) option() string { return keyed(keyed(optScope, e.a), e.b) }

func (e scopeEntry) path() string { return pathOf(e.option()) }

// removed is the edit that takes the entry back.
func (e scopeEntry) removed() way { return way{remove(keyed(optScope, e.a), e.b)} }

func (w *wish) readScope(a, b int, e scopeEntry) {
	at := slices.IndexFunc(w.cat.Pairs(), func(p catalogue.Pair) bool {
		return p.APlace == a && p.BPlace == b || p.APlace == b && p.BPlace == a
	})
	if at < 0 || w.cat.Pairs()[at].Kind != catalogue.Conflict {
		first, second := string(w.cat.At(a).ID), string(w.cat.At(b).ID)
		w.say(w.noEffect(e.path(), []string{first, second},
			e.option()+" changes nothing", "the two do not conflict", e.removed()))
		return
	}
	r := &w.cat.Pairs()[at]
	choices := r.Choices()
	before := w.scopes[at]
	switch {
	case !slices.Contains(choices, e.scope):
		w.say(w.badScope(r, e, fmt.Sprintf("%s cannot be %s", e.option(), catalogue.Quote(string(e.scope))),
			fmt.Sprintf("the conflict of %s and %s can hold on %s: %s", r.A, r.B, sentence(texts(choices)), r.Reason), choices...))
	case len(before) > 0 && before[0].scope != e.scope:
		w.say(w.badScope(r, e, fmt.Sprintf("%s is %q, and %s is %q", before[0].option(), before[0].scope, e.option(), e.scope),
			"a pair has one scope, whichever way round it is written", before[0].scope))
	default:
		w.scopes[at] = append(before, e)
	}
}

func (w *wish) badScope(r *catalogue.Pair, e scopeEntry, what, why string, choices ...catalogue.Scope) finding.Finding {
	var out ways
	for _, c := range choices {
		out = append(out, way{set(e.option(), string(c))})
	}
	return w.mended(finding.Finding{
		Code: codeScope, Severity: finding.Refused, Path: e.path(), Subject: []string{string(r.A), string(r.B)},
		What: what, Why: why, Source: "reading the matrix: decision 6",
	}, "", out...)
}

// scopeOf is the scope on which the conflict at that index holds under this wish.
func (w *wish) scopeOf(at int) catalogue.Scope {
	if e := w.scopes[at]; len(e) > 0 {
		return e[0].scope
	}
	return w.cat.Pairs()[at].Scope
}

// onHost reports whether the relation at that index is a conflict that holds on the whole host.
func (w *wish) onHost(at int) bool {
	return w.cat.Pairs()[at].Kind == catalogue.Conflict && w.scopeOf(at) == catalogue.OnHost
}

// rescoped is the edits that give a conflict another scope, wherever its scope is declared or would be.
func (w *wish) rescoped(at int, scope catalogue.Scope) way {
	var out way
	for _, e := range w.scopes[at] {
		out = append(out, set(e.option(), string(scope)))
	}
	if len(out) == 0 {
		r := w.cat.Pairs()[at]
		out = way{set(optScope+"."+string(r.A)+"."+string(r.B), string(scope))}
	}
	return out
}

// unscoped is the edits that take every declared scope of a conflict back.
func (w *wish) unscoped(at int) way {
	var out way
	for _, e := range w.scopes[at] {
		out = append(out, e.removed()...)
	}
	return out
}

func (w *wish) noEffect(path string, subject []string, what, why string, fix way) finding.Finding {
	return w.mended(finding.Finding{
		Code: codeNoEffect, Severity: finding.Advice, Path: path, Subject: subject,
		What: what, Why: why, Source: "reading the matrix: decisions 3 and 6",
	}, "", fix)
}

// unacknowledged is the edits that take a reason back, whatever name it was given under.
func (w *wish) unacknowledged(place int) way {
	var out way
	for _, name := range w.acknowledged[place] {
		out = append(out, remove(optRisks, name))
	}
	return out
}
