package storage

import (
	"cmp"
	"strings"
)

// OlderVersion reports whether a is an older version than b, as sources count them: dates, numbers, and parts with dots or dashes between
// them. Digits are compared as numbers, all else letter by letter; none is older than any.
func OlderVersion(a, b string) bool { return compareVersions(a, b) < 0 }

func compareVersions(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			n, m := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if by := cmp.Or(cmp.Compare(len(n), len(m)), strings.Compare(n, m)); by != 0 {
				return by
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
