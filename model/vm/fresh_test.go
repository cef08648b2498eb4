package vm

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestADefinitionIsSettledOnVolumesAndSaysWhichAreMade(t *testing.T) {
	def := Definition{Name: "web", Spec: Spec{
		Disks: map[string]Disk{
			"root": {Image: "debian-12", Size: 20 * model.GiB, BootIndex: 1},
			"data": {Size: model.GiB, Pool: "fast", Volume: "records"},
			"old":  {Volume: "old"},
		},
		CDROMs: map[string]CDROM{"cd": {Image: "installer"}, "other": {}},
	}}
	got, made := def.Settled()
	want := []Fresh{
		{Device: "disks.data", Volume: "records", Size: model.GiB, Pool: "fast"},
		{Device: "disks.root", Volume: "web-root", Image: "debian-12", Size: 20 * model.GiB},
		{Device: "cdroms.cd", Volume: "installer", Image: "installer", Medium: true},
	}
	if !slices.Equal(made, want) {
		t.Errorf("made are %+v", made)
	}
	if got.Disks["root"] != (Disk{Volume: "web-root", BootIndex: 1}) || got.Disks["data"] != (Disk{Volume: "records"}) || got.CDROMs["cd"] != (CDROM{Volume: "installer"}) {
		t.Errorf("settled is %+v, %+v", got.Disks, got.CDROMs)
	}
	if def.Disks["root"].Image == "" || def.CDROMs["cd"].Image == "" {
		t.Error("the definition itself was changed")
	}
	if again, none := got.Settled(); len(none) > 0 || len(again.Disks) != 3 {
		t.Errorf("what is settled wishes for %v", none)
	}
	if found := Check(def); len(found) > 0 {
		t.Errorf("it is refused: %v", found)
	}
}

func TestWhatIsSaidOfVolumesThatAreMadeIsChecked(t *testing.T) {
	for want, d := range map[string]Disk{
		"disks.root.image":  {Image: "no name"},
		"disks.root.pool":   {Volume: "a", Pool: "fast"},
		"disks.root.size":   {Size: 100},
		"disks.root.volume": {},
	} {
		found := Check(Definition{Name: "web", Spec: Spec{Disks: map[string]Disk{"root": d}}})
		if len(found) != 1 || found[0].Path != want {
			t.Errorf("%+v: %v, want one at %s", d, found, want)
		}
	}
	long := strings.Repeat("x", 63)
	if found := Check(Definition{Name: long, Spec: Spec{Disks: map[string]Disk{"root": {Image: "debian"}}}}); len(found) != 1 || found[0].Path != "disks.root.volume" {
		t.Errorf("a volume's name that is too long: %v", found)
	}
	twice := Definition{Name: "web", Spec: Spec{Disks: map[string]Disk{"a": {Size: 512, Volume: "x"}, "b": {Volume: "x"}}}}
	if found := Check(twice); len(found) != 1 || !strings.Contains(found[0].What, "already disk") {
		t.Errorf("one volume on two disks: %v", found)
	}
}
