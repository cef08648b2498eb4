package specification

import (
	"fmt"
	"strings"
)

// states in the order of the page's sum.
var states = []State{Proven, Partial, NotYet}

// Page is docs/specification.md. file finds the file of a test, link its name for people.
func Page(all []Statement, file func(test string) string, how func(file string) string) string {
	var b strings.Builder
	b.WriteString("# The specification, statement by statement\n\n" +
		"Made from the claims in `test/specification` by `go test ./test/specification -update`. The statements are those of the\n" +
		"[compatibility matrix](compatibility-matrix.md).\n\n" +
		"*Proven*: a user gets what the statement says, and the tests show it. *Partial*: some of it can be had and is shown; what\n" +
		"lacks is said. *Not yet*: nothing of it can be had; what brings it is said. A statement that a feature works is never\n" +
		"proven while its feature is not in the build; that two things conflict is proven by their refusal.\n")
	sum(&b, all)
	where := ""
	for _, s := range all {
		if s.Where != where {
			where = s.Where
			fmt.Fprintf(&b, "\n## %s\n\n| Statement | State | Shown by | What lacks, and what brings it |\n|---|---|---|---|\n", where)
		}
		c, _ := Of(s)
		var shown []string
		for _, t := range c.Tests {
			_, name, _ := strings.Cut(t, ":")
			shown = append(shown, fmt.Sprintf("[%s](../%s) (%s)", name, file(t), how(file(t))))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.Says, c.State, strings.Join(shown, "<br>"), rest(c))
	}
	return b.String()
}

func rest(c Claim) string {
	switch {
	case c.With == "":
		return ""
	case c.Lacks == "":
		return "comes with " + c.With
	}
	return c.Lacks + "; comes with " + c.With
}

// sum counts the states of each part of the specification.
func sum(b *strings.Builder, all []Statement) {
	parts := []struct{ name, prefix string }{
		{"Feature Compatibility Table", "pair/"}, {"Feature Dependencies", "tree/"}, {"Risk Level Combinations", "set/"},
		{"Operating Systems", "os/"}, {"Hypervisor Features", "hypervisor/"}, {"CPU Features", "cpu/"}, {"Storage Backends", "storage/"},
		{"Security Mode Compatibility", "phase/"}, {"Network Configuration Compatibility", "network/"},
		{"Performance Impact Matrix", "impact/"}, {"Recommended Configurations", "config/"}, {"**All**", ""},
	}
	b.WriteString("\n| Part | Statements | Proven | Partial | Not yet |\n|---|---|---|---|---|\n")
	for _, p := range parts {
		n, counts := 0, map[State]int{}
		for _, s := range all {
			if c, _ := Of(s); strings.HasPrefix(s.ID, p.prefix) {
				n++
				counts[c.State]++
			}
		}
		fmt.Fprintf(b, "| %s | %d |", p.name, n)
		for _, state := range states {
			fmt.Fprintf(b, " %d |", counts[state])
		}
		b.WriteByte('\n')
	}
}
