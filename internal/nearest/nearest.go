// Package nearest finds the known names that somebody most likely meant.
//
// What lives here: one measure of how far apart two names are, and the few closest. What does not:
// what a name stands for, and how the suggestion is worded.
package nearest

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxLength is the longest name, in bytes, that is compared. A longer one is no slip of the pen.
const MaxLength = 64

// Names returns at most limit of known that are close to want, closest first, then by name. A name
// is close when few letters differ (a third of its length, at least two; a swap of neighbours counts
// once, upper and lower case are the same), or when one of the two begins with the other. Nothing
// close gives nil. The cost is bounded by MaxLength² a name.
func Names(want string, known []string, limit int) []string {
	if want == "" || len(want) > MaxLength || !utf8.ValidString(want) || limit <= 0 {
		return nil
	}
	type near struct {
		name string
		far  int
	}
	var found []near
	for _, k := range known {
		if far, ok := distance(want, k); ok && !slices.Contains(found, near{k, far}) {
			found = append(found, near{k, far})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, n := range found[:min(limit, len(found))] {
		names = append(names, n.name)
	}
	return names
}

// prefixLength is how much of a name has to be there before its beginning alone is a hint.
const prefixLength = 3

func distance(want, known string) (far int, near bool) {
	if len(known) > MaxLength {
		return 0, false
	}
	w, k := []rune(strings.ToLower(want)), []rune(strings.ToLower(known))
	far = edits(w, k)
	if far <= max(2, min(len(w), len(k))/3) && far < max(len(w), len(k)) {
		return far, true
	}
	short, long := w, k
	if len(short) > len(long) {
		short, long = long, short
	}
	// A beginning is a weaker hint than a slip: it ranks behind every one of those.
	return MaxLength + far, len(short) >= prefixLength && slices.Equal(short, long[:len(short)])
}

// edits counts insertions, deletions, substitutions and swaps of neighbours (optimal string
// alignment: no part is edited twice).
func edits(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differ(a, b rune) int {
	if a == b {
		return 0
	}
	return 1
}
