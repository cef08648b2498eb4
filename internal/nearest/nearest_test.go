package nearest

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var known = []string{
	"monitoring", "basicMonitoring", "snapshots", "localBackup", "remoteBackup", "api",
	"gpuPassthrough", "devicePassthrough", "microSegmentation", "memory",
}

func TestASlipOfThePenFindsWhatWasMeant(t *testing.T) {
	for want, first := range map[string]string{
		"monitorng":          "monitoring",
		"Monitoring":         "monitoring",
		"snapshot":           "snapshots",
		"localbackup":        "localBackup",
		"gpuPasstrough":      "gpuPassthrough",
		"microsegmentation":  "microSegmentation",
		"micro-segmentation": "microSegmentation",
		"mem":                "memory",
		"apis":               "api",
		"moemry":             "memory",
	} {
		if got := Names(want, known, 3); len(got) == 0 || got[0] != first {
			t.Errorf("Names(%q) = %v, want %s first", want, got, first)
		}
	}
}

func TestWhatIsNotCloseIsNotSuggested(t *testing.T) {
	for _, want := range []string{"", "x", "zz", "kubernetes", strings.Repeat("monitoring", 20), "mon\xff"} {
		if got := Names(want, known, 3); got != nil {
			t.Errorf("Names(%q) = %v, want none", want, got)
		}
	}
	if got := Names("monitoring", known, 0); got != nil {
		t.Errorf("a limit of 0 gave %v", got)
	}
}

func TestTheClosestComeFirstAndTiesGoByName(t *testing.T) {
	got := Names("car", []string{"cat", "bar", "car", "cars", "cat"}, 9)
	if want := []string{"car", "bar", "cars", "cat"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTheOrderOfTheKnownNamesPlaysNoPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringMatching(`[a-zA-Z]{0,20}`).Draw(t, "want")
		shuffled := rapid.Permutation(known).Draw(t, "known")
		if a, b := Names(want, known, 3), Names(want, shuffled, 3); !slices.Equal(a, b) {
			t.Errorf("%v and %v", a, b)
		}
	})
}

func TestDistanceIsSymmetricAndZeroOnlyForTheSame(t *testing.T) {
	name := rapid.StringMatching(`[a-d]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := []rune(name.Draw(t, "a")), []rune(name.Draw(t, "b"))
		if edits(a, b) != edits(b, a) {
			t.Errorf("%d there, %d back", edits(a, b), edits(b, a))
		}
		if (edits(a, b) == 0) != slices.Equal(a, b) {
			t.Errorf("distance %d", edits(a, b))
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range append([]string{"", "ö", "\x00", "monitorng"}, known...) {
		f.Add(s, "api")
	}
	f.Fuzz(func(t *testing.T, want, other string) {
		for _, n := range Names(want, []string{other, "monitoring"}, 2) {
			if n != other && n != "monitoring" {
				t.Errorf("%q was never known", n)
			}
		}
		if len(want) <= MaxLength && want != "" && utf8.ValidString(want) {
			if got := Names(want, []string{want}, 1); !slices.Equal(got, []string{want}) {
				t.Errorf("a known name %q is not its own nearest: %v", want, got)
			}
		}
	})
}
