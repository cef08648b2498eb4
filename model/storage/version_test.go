package storage

import (
	"testing"

	"pgregory.net/rapid"
)

func TestVersionsAreOrderedAsSourcesCountThem(t *testing.T) {
	for _, pair := range [][2]string{{"", "1"}, {"9", "10"}, {"20261101", "20261128"}, {"20261128", "20261128.1"}, {"1.2", "1.10"}, {"7-a", "7-b"}, {"007", "8"}} {
		if !OlderVersion(pair[0], pair[1]) || OlderVersion(pair[1], pair[0]) {
			t.Errorf("%q is not older than %q", pair[0], pair[1])
		}
	}
	if OlderVersion("1.0", "1.0") || OlderVersion("01", "1") || OlderVersion("1", "01") {
		t.Error("a version is older than itself")
	}
	text := rapid.StringMatching(`[0-9a-c.]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")
		if compareVersions(a, b) != -compareVersions(b, a) {
			t.Fatalf("%q and %q", a, b)
		}
		if compareVersions(a, b) < 0 && compareVersions(b, c) < 0 && compareVersions(a, c) >= 0 {
			t.Fatalf("%q < %q < %q", a, b, c)
		}
	})
}
