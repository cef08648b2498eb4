package catalogue

import (
	"strings"
	"testing"
)

func TestAliasesInACircleFailTheBuild(t *testing.T) {
	for name, aliases := range map[string]map[string]ID{
		"one another": {"first": "second", "second": "first"}, "itself": {"first": "first"}, "another alias": {"first": "metrics", "metrics": Monitoring},
		"a feature's own id": {"api": Snapshots},
	} {
		d := Standard()
		d.Aliases = aliases
		if _, err := New(d); err == nil || !strings.Contains(err.Error(), "alias") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
