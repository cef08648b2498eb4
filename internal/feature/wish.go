package feature

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/nearest"
)

// wish is a declaration as it was understood: names are places in the catalogue, defaults are filled in,
// and what could not be understood is a finding.
type wish struct {
	room
	cat          *catalogue.Catalogue
	profile      catalogue.Profile // empty where the profile does not exist
	members      catalogue.Bits    // of the profile, that are not disabled
	tolerance    catalogue.Tolerance
	limit        catalogue.Risk         // the cap; Critical where the tolerance does not exist
	most         int                    // its rank
	waived       bool                   // no acknowledgements are wanted
	listed       bool                   // enabledFeatures was given
	lists        [len(options)][]string // as they were written
	named        mentions               // by enabledFeatures and extraFeatures
	disabled     mentions
	risks        map[int]string       // acknowledged, with the owner's reason
	acknowledged map[int][]string     // the names under which risks are
	scopes       map[int][]scopeEntry // by the conflict's index in the catalogue
	findings     finding.List
	settled      selection            // once it has
	supports     []catalogue.Standing // by place, on the host's platform; nil where nobody asked
	outs         []*out               // by place, those that were asked for
	over         []objection          // by rank, what is said of features above the cap
}

func read(cat *catalogue.Catalogue, d Declaration) *wish {
	w := &wish{cat: cat, listed: d.EnabledFeatures != nil}
	w.readProfile(d)
	w.readTolerance(d)
	if w.listed {
		w.named.all = make([]mention, 0, min(len(*d.EnabledFeatures), MaxEntries)+min(len(d.ExtraFeatures), MaxEntries))
		w.readNames(inEnabled, *d.EnabledFeatures, &w.named)
	}
	w.readNames(inExtra, d.ExtraFeatures, &w.named)
	w.readNames(inDisabled, d.DisabledFeatures, &w.disabled)
	n := w.expected()
	w.findings = slices.Grow(w.findings, n)
	w.expect(n)
	w.sort(&w.named)
	w.sort(&w.disabled)
	w.readRisks(d.AcknowledgedRisks)
	w.readScopes(d.ConflictScope)
	w.twice()
	w.contradictions()
	w.members = cat.MembersOf(w.profile.Name) &^ w.disabled.in
	return w
}

// expected is about how many findings there will be, so that room for them is made once.
func (w *wish) expected() int {
	n := 2 * w.named.in.Len()
	if !w.listed {
		n += 3 * w.cat.MembersOf(w.profile.Name).Len() / 2
	}
	if len(w.named.all) > w.named.in.Len() || w.disabled.in != 0 {
		n += w.named.in.Len()
	}
	return n + 8
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
		w.say(w.unknownValue(codeProfile, optProfile, "profile", name, known))
		w.profile = catalogue.Profile{Name: name}
	}
	if w.profile.List && !w.listed {
		w.say(w.mended(finding.Finding{
			Code: codeNoList, Severity: finding.Refused, Path: pathOf(optProfile), Subject: []string{optEnabled},
			What: fmt.Sprintf("profile %q needs a list of features, and enabledFeatures is not given", name),
			Why:  "custom selects exactly what is listed", Source: "reading the matrix: profiles",
		}, "", way{do("set " + pathOf(optEnabled) + " = [ … ]; an empty list is core only")}, way{set(optProfile, catalogue.DefaultProfile)}))
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
		w.say(w.unknownValue(codeTolerance, optTolerance, "risk tolerance", d.RiskTolerance, catalogue.Tolerances()))
		limit = catalogue.Critical
	}
	w.limit, w.most, w.waived = limit, limit.Rank(), !ok || w.tolerance.Waives()
}

func (w *wish) unknownValue(code, option, kind, value string, known []string) finding.Finding {
	choices := known
	if near := nearest.Names(value, known, 1); len(near) > 0 {
		choices = near
	}
	var out ways
	for _, c := range choices {
		out = append(out, way{set(option, c)})
	}
	return w.mended(finding.Finding{
		Code: code, Severity: finding.Refused, Path: pathOf(option), Subject: []string{catalogue.Quote(value)},
		What: fmt.Sprintf("there is no %s %s", kind, catalogue.Quote(value)),
		Why:  "known are " + strings.Join(known, ", "), Source: "reading the matrix: profiles and decision 3",
	}, "", out...)
}

// fits says so where an option holds more than is read; it is then not read at all, since what
// follows would depend on the order.
func (w *wish) fits(option string, entries int) bool {
	if entries <= MaxEntries {
		return true
	}
	w.say(w.mended(finding.Finding{
		Code: codeTooMany, Severity: finding.Refused, Path: pathOf(option), Subject: []string{option},
		What: fmt.Sprintf("%s holds %d entries, and at most %d are read", option, entries, MaxEntries),
		Why:  fmt.Sprintf("the catalogue has %d features", w.cat.Len()), Source: "bounds of the declaration",
	}, "", way{do("name each feature once in " + pathOf(option))}, way{unset(option)}))
	return false
}

func (w *wish) readNames(in naming, names []string, into *mentions) {
	option := in.option()
	if len(names) == 0 || !w.fits(option, len(names)) {
		return
	}
	w.lists[in] = names
	if into.all == nil {
		into.all = make([]mention, 0, len(names))
	}
	var said map[string]bool
	for i, name := range names {
		place, older, ok := w.cat.Place(name)
		if !ok || older {
			if said == nil {
				said = map[string]bool{}
			}
			w.misnamed(option, name, listPath(in, i), place, said)
		}
		if ok {
			into.in |= catalogue.Bit(place)
			into.all = append(into.all, mention{uint8(place), in, older, uint16(i)})
		}
	}
}

// listPath is the path of an entry. The first of each list are named so often that they are written once.
func listPath(in naming, i int) string {
	if i < catalogue.MaxFeatures {
		return listPaths[in][i]
	}
	return pathOf(in.option()) + "[" + strconv.Itoa(i) + "]"
}

var listPaths = func() (all [len(options)][catalogue.MaxFeatures]string) {
	for in := range all {
		for i := range all[in] {
			all[in][i] = pathOf(options[in]) + "[" + strconv.Itoa(i) + "]"
		}
	}
	return all
}()

// misnamed gives a notice for an older name and a refusal for an unknown one, once for each.
func (w *wish) misnamed(option, name, path string, place int, said map[string]bool) {
	if said[name] {
		return
	}
	said[name] = true
	if place < 0 {
		w.say(w.unknown(option, name, path))
		return
	}
	id := w.cat.At(place).ID
	w.say(w.mended(finding.Finding{
		Code: codeOlderName, Severity: finding.Advice, Path: path, Subject: []string{string(id), option},
		What: fmt.Sprintf("%q is an older name of %q", name, id),
		Why:  "older names are understood for as long as nothing else is called so", Source: "reading the matrix: feature ids",
	}, "", way{replace(option, name, string(id))}))
}

func (w *wish) unknown(option, name, path string) finding.Finding {
	var out ways
	for _, n := range w.cat.Nearest(name) {
		out = append(out, way{replace(option, name, n)})
	}
	return w.mended(finding.Finding{
		Code: codeUnknown, Severity: finding.Refused, Path: path, Subject: []string{catalogue.Quote(name), option},
		What: "there is no feature " + catalogue.Quote(name),
		Why:  "no feature has that id; " + w.cat.Hint(name), Source: "reading the matrix: feature ids",
	}, "", append(out, way{remove(option, name)})...)
}
