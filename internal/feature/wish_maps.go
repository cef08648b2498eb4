package feature

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// keyPath is the path of a key; one that is no plain word stands in quotes, as in config's paths.
func keyPath(option, key string) string {
	odd := strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) >= 0
	if key == "" || odd {
		key = strconv.Quote(key)
	}
	return section + "." + option + "." + key
}

// readRisks takes the acknowledgements. A blank reason acknowledges nothing.
func (w *wish) readRisks(risks map[string]string) {
	w.risks = map[catalogue.ID]string{}
	if !w.fits(optRisks, len(risks)) {
		return
	}
	said := map[string]bool{}
	for _, name := range sortedKeys(risks) {
		id, ok := w.understand(optRisks, name, keyPath(optRisks, name), said)
		if reason := strings.TrimSpace(risks[name]); ok && reason != "" && w.risks[id] == "" {
			w.risks[id] = reason
		}
	}
}

// readScopes takes the declared scopes of conflicts, each under both of its features.
func (w *wish) readScopes(declared map[string]map[string]string) {
	w.scopes = map[[2]catalogue.ID]scopeEntry{}
	entries := len(declared)
	for _, inner := range declared {
		entries += len(inner)
	}
	if !w.fits(optScope, entries) {
		return
	}
	said := map[string]bool{}
	for _, a := range sortedKeys(declared) {
		first, ok := w.understand(optScope, a, keyPath(optScope, a), said)
		for _, b := range sortedKeys(declared[a]) {
			path := keyPath(optScope+"."+a, b)
			second, known := w.understand(optScope+"."+a, b, path, said)
			if ok && known {
				w.readScope(first, second, scopeEntry{a, b, catalogue.Scope(declared[a][b]), path})
			}
		}
	}
}

// scopeEntry is one entry of conflictScope as it was written.
type scopeEntry struct {
	a, b  string
	scope catalogue.Scope
	path  string
}

// option is the entry's name in the declaration.
func (e scopeEntry) option() string { return optScope + "." + e.a + "." + e.b }

func (w *wish) readScope(a, b catalogue.ID, e scopeEntry) {
	r, ok := w.cat.Between(a, b)
	if !ok || r.Kind != catalogue.Conflict {
		w.say(noEffect(e.path, []string{string(a), string(b)},
			fmt.Sprintf("conflictScope of %s and %s changes nothing", a, b), "the two do not conflict", remove(optScope+"."+e.a, e.b)))
		return
	}
	choices := r.Choices()
	before, twice := w.scopes[[2]catalogue.ID{a, b}]
	switch {
	case !slices.Contains(choices, e.scope):
		w.say(badScope(r, e, fmt.Sprintf("%s cannot be %s", e.option(), catalogue.Quote(string(e.scope))),
			fmt.Sprintf("the conflict of %s and %s can hold on %s: %s", a, b, sentence(texts(choices)), r.Reason), choices...))
	case twice && before.scope != e.scope:
		w.say(badScope(r, e, fmt.Sprintf("%s is %q, and %s is %q", before.option(), before.scope, e.option(), e.scope),
			"a pair has one scope, whichever way round it is written", before.scope))
	default:
		w.scopes[[2]catalogue.ID{a, b}] = e
		w.scopes[[2]catalogue.ID{b, a}] = e
	}
}

func badScope(r catalogue.Relation, e scopeEntry, what, why string, choices ...catalogue.Scope) finding.Finding {
	var ways []string
	for _, c := range choices {
		ways = append(ways, set(e.option(), string(c)))
	}
	return finding.Finding{
		Code: codeScope, Severity: finding.Refused, Path: e.path, Subject: []string{string(r.A), string(r.B)},
		What: what, Why: why, Remedy: or(ways...), Source: "reading the matrix: decision 6",
	}
}

// scopeOf is the scope on which a conflict holds under this wish.
func (w *wish) scopeOf(r catalogue.Relation) catalogue.Scope {
	if e, ok := w.scopes[[2]catalogue.ID{r.A, r.B}]; ok {
		return e.scope
	}
	return r.Scope
}

// scopeOption is where the scope of r is declared, or would be.
func (w *wish) scopeOption(r catalogue.Relation) string {
	if e, ok := w.scopes[[2]catalogue.ID{r.A, r.B}]; ok {
		return e.option()
	}
	return scopeEntry{a: string(r.A), b: string(r.B)}.option()
}

func noEffect(path string, subject []string, what, why, remedy string) finding.Finding {
	return finding.Finding{
		Code: codeNoEffect, Severity: finding.Advice, Path: path, Subject: subject,
		What: what, Why: why, Remedy: remedy, Source: "reading the matrix: decisions 3 and 6",
	}
}
