package vm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func layersOf(ids ...string) []storage.Layer {
	var out []storage.Layer
	for _, id := range ids {
		out = append(out, storage.Layer{ID: id})
	}
	return out
}

func setOf(name string, at int, ids ...string) Snapshot {
	return Snapshot{
		Metadata: model.Metadata{Name: name}, Taken: &Taken{At: time.Unix(int64(at), 0)},
		Disks: map[string]SnapshotDisk{"root": {Volume: "web-root", VolumeUID: "v", Layers: layersOf(ids...)}},
	}
}

func TestSetsStandOnOneAnotherAsTheirLayersDo(t *testing.T) {
	first, second := setOf("first", 1, "a"), setOf("second", 2, "a", "b")
	aside := setOf("aside", 3, "a", "c") // taken after going back to first
	taking := setOf("taking", 4, "a")
	taking.Taken = nil
	sets := []Snapshot{first, second, aside, taking}
	for name, c := range map[string]struct {
		chain   []storage.Layer
		current string
	}{
		"on second":                          {layersOf("a", "b", "d"), "second"},
		"gone back to first":                 {layersOf("a", "e"), "first"},
		"on aside":                           {layersOf("a", "c", "f"), "aside"},
		"second's own layer was taken out":   {layersOf("a", "d"), "first"},
		"it was never in a set, or has left": {layersOf("x"), ""},
	} {
		tree := Tree(sets, map[string][]storage.Layer{"v": c.chain})
		if tree.Current != c.current {
			t.Errorf("%s: current is %q", name, tree.Current)
		}
		if d := cmp.Diff(map[string]string{"second": "first", "aside": "first"}, tree.Parent); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestWhatIsSaidOfASetIsChecked(t *testing.T) {
	if errs := CheckSnapshot("before-upgrade", "", QuiesceAuto); errs != nil {
		t.Error(errs)
	}
	if errs := CheckSnapshot("../x", string(make([]byte, 2000)), "maybe"); len(errs) != 3 {
		t.Error(errs)
	}
}
