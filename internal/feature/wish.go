package feature

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/nearest"
)

// wish is a declaration as it was understood: names are ids, defaults are filled in, and what could
// not be understood is a finding.
type wish struct {
	cat       *catalogue.Catalogue
	profile   catalogue.Profile // empty members where the profile does not exist
	tolerance catalogue.Tolerance
	limit     catalogue.Risk // the cap; Critical where the tolerance does not exist
	waived    bool           // no acknowledgements are wanted
	listed    bool           // enabledFeatures was given
	named     mentions       // by enabledFeatures and extraFeatures
	disabled  mentions
	risks     map[catalogue.ID]string        // acknowledged, with the owner's reason
	scopes    map[[2]catalogue.ID]scopeEntry // of conflicts, under both directions
	findings  finding.List
}

// mention is one place where a feature is named.
type mention struct{ option, name, path string }

type mentions map[catalogue.ID][]mention

func read(cat *catalogue.Catalogue, d Declaration) wish {
	w := wish{cat: cat, listed: d.EnabledFeatures != nil, named: mentions{}, disabled: mentions{}}
	w.readProfile(d)
	w.readTolerance(d)
	if w.listed {
		w.readNames(optEnabled, *d.EnabledFeatures, w.named)
	}
	w.readNames(optExtra, d.ExtraFeatures, w.named)
	w.readNames(optDisabled, d.DisabledFeatures, w.disabled)
	w.readRisks(d.AcknowledgedRisks)
	w.readScopes(d.ConflictScope)
	w.twice()
	w.contradictions()
	return w
}

func (w *wish) say(f finding.Finding) { w.findings = append(w.findings, f) }

func (w *wish) readProfile(d Declaration) {
	name := d.Profile
	if name == "" {
		name = catalogue.DefaultProfile
	}
	var ok bool
	if w.profile, ok = w.cat.Profile(name); !ok {
		var known []string
		for _, p := range w.cat.Profiles() {
			known = append(known, p.Name)
		}
		w.say(unknownValue(codeProfile, optProfile, "profile", name, known))
		w.profile = catalogue.Profile{Name: name}
	}
	if w.profile.List && !w.listed {
		w.say(finding.Finding{
			Code: codeNoList, Severity: finding.Refused, Path: section + "." + optProfile,
			Subject: []string{optEnabled},
			What:    fmt.Sprintf("profile %q needs a list of features, and enabledFeatures is not given", name),
			Why:     "custom selects exactly what is listed",
			Remedy: or(fmt.Sprintf("set %s.%s = [ … ]; an empty list is core only", section, optEnabled),
				set(optProfile, catalogue.DefaultProfile)),
			Source: "reading the matrix: profiles",
		})
	}
}

func (w *wish) readTolerance(d Declaration) {
	w.tolerance = catalogue.Tolerance(d.RiskTolerance)
	if w.tolerance == "" {
		w.tolerance = catalogue.DefaultTolerance
	}
	limit, ok := w.tolerance.Cap()
	if !ok {
		// Nothing is held against a cap that nobody knows: the finding itself refuses the whole.
		w.say(unknownValue(codeTolerance, optTolerance, "risk tolerance", d.RiskTolerance, catalogue.Tolerances()))
		limit = catalogue.Critical
	}
	w.limit, w.waived = limit, !ok || w.tolerance.Waives()
}

func unknownValue(code, option, kind, value string, known []string) finding.Finding {
	choices := known
	if near := nearest.Names(value, known, 1); len(near) > 0 {
		choices = near
	}
	var ways []string
	for _, c := range choices {
		ways = append(ways, set(option, c))
	}
	return finding.Finding{
		Code: code, Severity: finding.Refused, Path: section + "." + option, Subject: []string{catalogue.Quote(value)},
		What:   fmt.Sprintf("there is no %s %s", kind, catalogue.Quote(value)),
		Why:    "known are " + strings.Join(known, ", "),
		Remedy: or(ways...), Source: "reading the matrix: profiles and decision 3",
	}
}

// fits says so where an option holds more than is read; it is then not read at all, since what
// follows would depend on the order.
func (w *wish) fits(option string, entries int) bool {
	if entries <= MaxEntries {
		return true
	}
	w.say(finding.Finding{
		Code: codeTooMany, Severity: finding.Refused, Path: section + "." + option, Subject: []string{option},
		What:   fmt.Sprintf("%s holds %d entries, and at most %d are read", option, entries, MaxEntries),
		Why:    fmt.Sprintf("the catalogue has %d features", w.cat.Len()),
		Remedy: fmt.Sprintf("name each feature once in %s.%s", section, option), Source: "bounds of the declaration",
	})
	return false
}

func (w *wish) readNames(option string, names []string, into mentions) {
	if !w.fits(option, len(names)) {
		return
	}
	unknown := map[string]bool{}
	for i, name := range names {
		path := fmt.Sprintf("%s.%s[%d]", section, option, i)
		if id, ok := w.understand(option, name, path, unknown); ok {
			into[id] = append(into[id], mention{option, name, path})
		}
	}
	for _, at := range into {
		slices.SortStableFunc(at, func(a, b mention) int {
			return strings.Compare(a.option+"\n"+a.name, b.option+"\n"+b.name)
		})
	}
}

// understand turns a name into an id, with a notice for an older name and one refusal for each
// unknown one.
func (w *wish) understand(option, name, path string, unknown map[string]bool) (catalogue.ID, bool) {
	f, notice, err := w.cat.Lookup(name)
	switch {
	case err != nil && !unknown[name]:
		unknown[name] = true
		w.say(w.unknown(option, name, path))
	case notice != "" && !unknown[name]:
		unknown[name] = true // said once
		w.say(finding.Finding{
			Code: codeOlderName, Severity: finding.Advice, Path: path, Subject: []string{string(f.ID), option},
			What: notice, Why: "older names are understood for as long as nothing else is called so",
			Remedy: replace(option, name, string(f.ID)), Source: "reading the matrix: feature ids",
		})
	}
	return f.ID, err == nil
}

func (w *wish) unknown(option, name, path string) finding.Finding {
	var ways []string
	for _, n := range w.cat.Nearest(name) {
		ways = append(ways, replace(option, name, n))
	}
	ways = append(ways, remove(option, name))
	return finding.Finding{
		Code: codeUnknown, Severity: finding.Refused, Path: path, Subject: []string{catalogue.Quote(name), option},
		What: fmt.Sprintf("there is no feature %s", catalogue.Quote(name)),
		Why:  "no feature has that id; " + w.cat.Hint(name), Remedy: or(ways...), Source: "reading the matrix: feature ids",
	}
}

// twice advises on features that are named more than once; naming one twice changes nothing.
func (w *wish) twice() {
	for _, in := range []mentions{w.named, w.disabled} {
		for _, id := range sortedKeys(in) {
			at := in[id]
			if len(at) < 2 {
				continue
			}
			w.say(finding.Finding{
				Code: codeTwice, Severity: finding.Advice, Path: at[1].path, Subject: []string{string(id)},
				What:   fmt.Sprintf("%s is named %d times", id, len(at)),
				Why:    "once is enough",
				Remedy: "keep one mention of it in " + where(at), Source: "reading the matrix: profiles",
			})
		}
	}
}

// where names the options of mentions, each once.
func where(at []mention) string {
	var options []string
	for _, m := range at {
		options = append(options, section+"."+m.option)
	}
	return sentence(slices.Compact(options))
}

// contradictions refuses what is named on and off, and core in disabledFeatures; neither counts as
// disabled afterwards.
func (w *wish) contradictions() {
	for _, id := range sortedKeys(w.disabled) {
		f, _ := w.cat.Get(id)
		on, off := w.named[id], w.disabled[id]
		switch {
		case f.Core:
			w.say(finding.Finding{
				Code: codeCoreOff, Severity: finding.Refused, Path: off[0].path, Subject: []string{string(id)},
				What: fmt.Sprintf("%s cannot be off", id), Why: "it is core: all else rests on it",
				Remedy: unmention(off), Source: "compatibility matrix: Core Dependencies",
			})
		case len(on) > 0:
			w.say(finding.Finding{
				Code: codeOnAndOff, Severity: finding.Refused, Path: off[0].path, Subject: []string{string(id)},
				What: fmt.Sprintf("%s is named on and off", id), Why: "it is in " + where(on) + " and in " + where(off),
				Remedy: or(unmention(off), unmention(on)), Source: "reading the matrix: profiles",
			})
		default:
			continue
		}
		delete(w.disabled, id)
	}
}

// unmention is the edit that takes mentions back.
func unmention(at []mention) string {
	var steps []string
	for _, m := range at {
		steps = append(steps, remove(m.option, m.name))
	}
	return and(steps...)
}
