package plan

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestASnapshotThatCannotBeIsRefusedBeforeAnythingIsDone(t *testing.T) {
	spec := vm.Spec{Memory: 256 * model.MiB, Disks: map[string]vm.Disk{"root": {Volume: "root"}}}
	shared := spec
	shared.Shares = map[string]vm.Share{"home": {}}
	other := vm.Spec{Disks: map[string]vm.Disk{"root": {Volume: "old"}}}
	root := storage.Volume{Spec: storage.VolumeSpec{Pool: "default", Size: model.GiB}}
	runs := func(started vm.Spec) vm.PowerStatus {
		return vm.PowerStatus{State: vm.StateRunning, Process: &vm.Process{Started: &started}}
	}
	little, much := model.MiB, model.GiB
	for _, c := range []struct {
		name, want string
		ask        SnapshotAsk
	}{
		{"what runs", "", SnapshotAsk{Power: runs(spec)}},
		{"what is off", "", SnapshotAsk{Power: vm.PowerStatus{State: vm.StateOff}}},
		{"with memory", "", SnapshotAsk{Power: runs(spec), Memory: true, Free: &much}},
		{"for which there is no room", "HV-SNAP-028", SnapshotAsk{Power: runs(spec), Memory: true, Free: &little}},
		{"which is not asked for", "", SnapshotAsk{Power: runs(spec), Free: &little}},
		{"of what is off", "HV-SNAP-022", SnapshotAsk{Power: vm.PowerStatus{State: vm.StateOff}, Memory: true, Free: &much}},
		{"suspended", "HV-SNAP-021", SnapshotAsk{Power: vm.PowerStatus{State: vm.StateSuspended, Saved: &vm.Saved{}}}},
		{"a disk that waits for a restart", "HV-SNAP-026", SnapshotAsk{Power: runs(other)}},
		{"shares, and memory", "HV-SNAP-027", SnapshotAsk{Power: runs(shared), Memory: true}},
		{"shares alone", "", SnapshotAsk{Power: runs(shared)}},
		{"too many", "HV-SNAP-025", SnapshotAsk{Power: runs(spec), Have: vm.MaxSnapshots}},
	} {
		c.ask.VM = vm.Object{Spec: spec}
		c.ask.Disks, c.ask.Layered = []storage.Volume{root}, map[string]bool{"default": true}
		if got := codes(c.ask); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	none := SnapshotAsk{VM: vm.Object{Spec: spec}}
	if got := codes(none); got != "HV-SNAP-020" {
		t.Errorf("without a disk: %q", got)
	}
	none.Disks = []storage.Volume{root}
	if got := codes(none); got != "HV-SNAP-023" {
		t.Errorf("in a pool without layers: %q", got)
	}
}

func codes(a SnapshotAsk) string {
	var out []string
	for _, f := range a.Refuses() {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

func TestWhatASnapshotTakesIsSaidBeforehand(t *testing.T) {
	a := SnapshotAsk{Disks: []storage.Volume{{Spec: storage.VolumeSpec{Size: model.GiB}}, {Spec: storage.VolumeSpec{Size: 2 * model.GiB}}}}
	if once, most := a.Room(); once != 384*model.KiB || most != 3*model.GiB+once {
		t.Errorf("%s at once, %s at most", once, most)
	}
	a.Memory, a.VM.Spec.Memory = true, 256*model.MiB
	if once, most := a.Room(); once < 256*model.MiB || once > 512*model.MiB || most != 3*model.GiB+once {
		t.Errorf("with memory: %s at once, %s at most", once, most)
	}
}
