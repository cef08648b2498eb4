package feature

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// WhyOff explains why the feature of that name, an id or an older name, is not on, and the edit that
// turns it on: the text with which a gate refuses. Its severity is Refused. For a feature that is on
// ok is false.
func (r Resolution) WhyOff(name string) (f finding.Finding, ok bool) {
	cat := r.catalogue()
	feature, _, err := cat.Lookup(name)
	if err != nil {
		w := &wish{cat: cat}
		return w.unknown(optEnabled, name, ""), true
	}
	if r.On(name) {
		return finding.Finding{}, false
	}
	f = r.off(cat, feature)
	f.Severity = finding.Refused
	return f, true
}

// off picks what stands most in the way: the build, the whole declaration, the host, the profile, and
// at last that nobody asked for it.
func (r Resolution) off(cat *catalogue.Catalogue, feature catalogue.Feature) finding.Finding {
	w := read(cat, r.Declaration)
	place, _, _ := cat.Place(string(feature.ID))
	if !cat.InBuild(feature.ID) {
		w.settled = w.selection()
		return w.notInBuild(place)
	}
	if f, ok := r.told(feature.ID); ok {
		return f
	}
	if r.Refused() && !feature.Core {
		return finding.Finding{
			Code: codeOff, Subject: []string{string(feature.ID)}, Path: section,
			What: fmt.Sprintf("%s is off: the declaration is refused", feature.ID),
			Why:  finding.Refusal{Findings: r.Findings}.Error(), Remedy: "mend the declaration: hv config check FILE",
			Source: "reading the matrix: decision 4",
		}
	}
	if f, ok := r.grounded(feature.ID); ok {
		return f
	}
	return r.undeclared(w, place)
}

// grounded says of a feature that is declared and that its platform has no use for, because it can run no VMs, what is
// said of those.
func (r Resolution) grounded(id catalogue.ID) (finding.Finding, bool) {
	e, ok := r.Lookup(id)
	i := slices.IndexFunc(r.Findings, func(f finding.Finding) bool { return f.Code == codeNoPlatform })
	if !ok || e.State == On || i < 0 {
		return finding.Finding{}, false
	}
	f := r.Findings[i]
	f.Subject = append([]string{string(id)}, f.Subject...)
	f.What = string(id) + " is " + string(e.State) + ": " + strings.Join(e.Held, ", ")
	return f, true
}

// told returns the finding that already says what keeps id off.
func (r Resolution) told(id catalogue.ID) (finding.Finding, bool) {
	keeping := []string{codeWaiting, codeNoPlatform, codeHeldUp, codeHeldBack, codeLeftOut, codeOverCap, codeUnaccepted, codePlatform}
	i := slices.IndexFunc(r.Findings, func(f finding.Finding) bool {
		return slices.Contains(keeping, f.Code) && len(f.Subject) > 0 && f.Subject[0] == string(id)
	})
	if i < 0 {
		return finding.Finding{}, false
	}
	return r.Findings[i], true
}

// undeclared words the edit that would declare a feature, with what that edit would meet.
func (r Resolution) undeclared(w *wish, place int) finding.Finding {
	feature := w.cat.At(place)
	f := finding.Finding{
		Code: codeOff, Subject: []string{string(feature.ID)}, Path: section,
		What: fmt.Sprintf("%s is off", feature.ID), Why: "without it: " + feature.Off, Source: "reading the matrix: decision 4",
	}
	if off := w.disabled.of(place); len(off) > 0 {
		f.Path = off[0].path()
		return w.mended(f, "", w.declare(place, w.unmention(off).way))
	}
	declared := ways{w.declare(place, nil)}
	for _, o := range w.objections(place, Facts{}, nil) {
		declared = declared.both(o.fix)
	}
	return w.mended(f, "", declared...)
}

// declare is steps and the edit that selects a feature, where they do not select it already.
func (w *wish) declare(place int, steps way) way {
	if !w.listed && w.cat.MembersOf(w.profile.Name).Has(place) {
		return steps
	}
	option := optExtra
	if w.listed {
		option = optEnabled
	}
	return append(steps, add(option, string(w.cat.At(place).ID)))
}
