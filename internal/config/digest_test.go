package config

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A digest is how a generation is known again: it says the same of what means the same, and only of that.
func TestADeclarationHasTheDigestOfWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDeclaration(t), drawDeclaration(t)
		one, two := digest(t, a), digest(t, b)
		if same := len(Diff(a, b)) == 0; same != (one == two) {
			t.Fatalf("same %v: %s and %s", same, one, two)
		}
		moved := sourced(t, a)
		slices.Reverse(moved.FeatureManager.ExtraFeatures)
		if l := moved.FeatureManager.EnabledFeatures; l != nil && len(*l) > 0 {
			*l = append(*l, (*l)[0]) // named twice
		}
		if got := digest(t, moved); got != one {
			t.Fatalf("%s once it was moved, %s before", got, one)
		}
	})
}

func digest(t *rapid.T, d Declaration) string {
	got, err := d.Digest()
	if err != nil || !strings.HasPrefix(got, "sha256:") || len(got) != len("sha256:")+64 {
		t.Fatalf("%q, %v", got, err)
	}
	return got
}

func TestAGenerationOfAnEarlierBuildHasItsDigestToo(t *testing.T) {
	d, err := ReadString(t.Context(), YAML, "host.yaml", "hypervisor: {vms: {web: {cpus: 2}}}")
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (Applied{Declaration: encoded}).Sum(); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := (Applied{Declaration: encoded, Digest: "sha256:kept"}).Sum(); err != nil || got != "sha256:kept" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := (Applied{Declaration: []byte("{")}).Sum(); err == nil {
		t.Error("what cannot be read has a digest")
	}
}
