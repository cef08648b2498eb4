package feature

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// The edits of a remedy, as edit.go words them.
var (
	editList    = regexp.MustCompile(`(add|remove) ("(?:[^"\\]|\\.)*") (?:to|from) hypervisor\.featureManager\.(\S+)`)
	editReplace = regexp.MustCompile(`replace ("(?:[^"\\]|\\.)*") with ("(?:[^"\\]|\\.)*") in hypervisor\.featureManager\.(\S+)`)
	editSet     = regexp.MustCompile(`set hypervisor\.featureManager\.(\S+) = ("(?:[^"\\]|\\.)*")`)
	priced      = regexp.MustCompile(` \([^)]*\)`)
)

// ways returns what d would be after each of the ways that a remedy names; a way without an edit
// (wait for a release, do something to the host) is no way here.
func ways(d Declaration, remedy string) []Declaration {
	var out []Declaration
	for way := range strings.SplitSeq(priced.ReplaceAllString(remedy, ""), "; or ") {
		edited, edits := clone(d), 0
		for _, m := range editList.FindAllStringSubmatch(way, -1) {
			edits += edited.list(m[1], unquote(m[2]), strings.TrimRight(m[3], ";,"))
		}
		for _, m := range editReplace.FindAllStringSubmatch(way, -1) {
			edits += edited.replace(unquote(m[1]), unquote(m[2]), m[3])
		}
		for _, m := range editSet.FindAllStringSubmatch(way, -1) {
			edits += edited.set(m[1], unquote(m[2]))
		}
		if edits > 0 {
			out = append(out, edited)
		}
	}
	return out
}

func clone(d Declaration) Declaration {
	if d.EnabledFeatures != nil {
		l := slices.Clone(*d.EnabledFeatures)
		d.EnabledFeatures = &l
	}
	d.ExtraFeatures, d.DisabledFeatures = slices.Clone(d.ExtraFeatures), slices.Clone(d.DisabledFeatures)
	d.AcknowledgedRisks = maps.Clone(d.AcknowledgedRisks)
	scopes := map[string]map[string]string{}
	for k, v := range d.ConflictScope {
		scopes[k] = maps.Clone(v)
	}
	d.ConflictScope = scopes
	return d
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}

func (d *Declaration) lists() map[string]*[]string {
	m := map[string]*[]string{optExtra: &d.ExtraFeatures, optDisabled: &d.DisabledFeatures}
	if d.EnabledFeatures != nil {
		m[optEnabled] = d.EnabledFeatures
	}
	return m
}

func (d *Declaration) list(verb, name, option string) int {
	l, inner := d.lists()[option], strings.TrimPrefix(option, optScope+".")
	switch {
	case l != nil && verb == "add":
		*l = append(*l, name)
	case l != nil:
		*l = slices.DeleteFunc(*l, func(n string) bool { return n == name })
	case option == optRisks:
		delete(d.AcknowledgedRisks, name)
	case option == optScope:
		delete(d.ConflictScope, name)
	default:
		delete(d.ConflictScope[inner], name)
	}
	return 1
}

func (d *Declaration) replace(name, by, option string) int {
	l, inner := d.lists()[option], strings.TrimPrefix(option, optScope+".")
	switch {
	case l != nil:
		for i, n := range *l {
			if n == name {
				(*l)[i] = by
			}
		}
	case option == optRisks:
		rename(d.AcknowledgedRisks, name, by)
	case option == optScope:
		rename(d.ConflictScope, name, by)
	default:
		rename(d.ConflictScope[inner], name, by)
	}
	return 1
}

func rename[V any](m map[string]V, name, by string) {
	if v, ok := m[name]; ok {
		m[by] = v
		delete(m, name)
	}
}

func (d *Declaration) set(option, value string) int {
	parts := strings.Split(option, ".")
	switch {
	case option == optProfile:
		d.Profile = value
	case option == optTolerance:
		d.RiskTolerance = value
	case parts[0] == optRisks && len(parts) == 2:
		if d.AcknowledgedRisks == nil {
			d.AcknowledgedRisks = map[string]string{}
		}
		d.AcknowledgedRisks[parts[1]] = value
	case parts[0] == optScope && len(parts) == 3:
		if d.ConflictScope[parts[1]] == nil {
			d.ConflictScope[parts[1]] = map[string]string{}
		}
		d.ConflictScope[parts[1]][parts[2]] = value
	default:
		return 0
	}
	return 1
}

func TestEveryWayOutOfARefusalTakesItAway(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		d, facts := drawDeclaration(t), drawFacts(t)
		for _, f := range resolve(cat, d, facts).Findings.Of(finding.Refused) {
			out := ways(d, f.Remedy)
			if len(out) == 0 {
				t.Errorf("%s %s: no edit in %q", f.Code, f.What, f.Remedy)
			}
			for _, edited := range out {
				after := resolve(cat, edited, facts)
				if slices.ContainsFunc(after.Findings, func(g finding.Finding) bool {
					return g.Code == f.Code && g.What == f.What && slices.Equal(g.Subject, f.Subject)
				}) {
					t.Errorf("%s is still there after %q:\n%s\n%+v", f.Code, f.Remedy, f.What, edited)
				}
			}
		}
	})
}
