package version

import "testing"

func TestABuildAlwaysHasAName(t *testing.T) {
	before := Version
	t.Cleanup(func() { Version = before })
	for stamped, want := range map[string]string{"": "devel", "v0.3.0-2-gabc1234": "v0.3.0-2-gabc1234"} {
		Version = stamped
		if got := String(); got != want {
			t.Errorf("stamped %q: got %q, want %q", stamped, got, want)
		}
	}
}
