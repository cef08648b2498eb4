package session

import (
	"slices"
	"testing"
)

func TestTheLastOfAListIsCompletedWithWhatIsNotInItYet(t *testing.T) {
	names := []string{"lan\tnic", "root\tdisk", "data\tdisk"}
	for start, want := range map[string][]string{
		"":          {"lan\tnic", "root\tdisk", "data\tdisk"},
		"r":         {"root\tdisk"},
		"root,":     {"root,lan\tnic", "root,data\tdisk"},
		"root,d":    {"root,data\tdisk"},
		"root,lan,": {"root,lan,data\tdisk"},
		"x":         nil,
	} {
		if got := Listed(names, start); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", start, got, want)
		}
	}
}
