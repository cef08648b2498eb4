package guest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/built"
)

func TestTheCommandLineTellsTheClockOfThisHost(t *testing.T) {
	const plain = "console=ttyS0 quiet panic=-1 mitigations=off"
	for cpuinfo, want := range map[string]string{
		"processor\t: 0\ncpu MHz\t\t: 2095.995\ncache\nprocessor\t: 1\ncpu MHz\t\t: 3000\n": plain + " tsc_early_khz=2095995",
		"processor\t: 0\nBogoMIPS\t: 50.00\n":                                               plain, // arm64 shows none
		"cpu MHz : 1.2.3\n":                                                                 plain,
		"":                                                                                  plain,
	} {
		if got := CommandLine([]byte(cpuinfo)); got != want {
			t.Errorf("%q: got %q", cpuinfo, got)
		}
	}
}

func TestTheCacheIsWhereItsOwnerLooks(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("HYPER_NIXOS_CACHE", "")
	if got, err := CacheDir(); err != nil || got != filepath.Join(home, ".cache", "hyper-nixos") {
		t.Errorf("own home: got %q, %v", got, err)
	}
	t.Setenv("HYPER_NIXOS_CACHE", "/somewhere")
	if got, err := CacheDir(); err != nil || got != "/somewhere" {
		t.Errorf("named: got %q, %v", got, err)
	}
}

func TestOnlyAGuestOfTheSameRecipeIsTakenWithoutApt(t *testing.T) {
	cache := t.TempDir()
	plant := func(key, recipe string, whole bool) {
		dir := filepath.Join(cache, "guest", key)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		content := map[string]string{built.Manifest: `{"recipe": "` + recipe + `", "release": "6.x"}`, "vmlinuz": ""}
		if whole {
			content["initrd"] = ""
		}
		for name, text := range content {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	plant("1", "another", true)
	plant("2", "ours", false)
	if g, ok := anyCached(cache, "ours"); ok {
		t.Errorf("took %s", g.Dir)
	}
	plant("3", "ours", true)
	g, ok := anyCached(cache, "ours")
	if !ok || g.Kernel != filepath.Join(cache, "guest", "3", "vmlinuz") {
		t.Errorf("got %+v, %v", g, ok)
	}
}
