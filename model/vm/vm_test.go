package vm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestEveryVerbIsDecidedInEveryState(t *testing.T) {
	for _, v := range Verbs() {
		for _, s := range States() {
			if legal[v][s] == "" {
				t.Errorf("nobody decided %s in state %s", v, s)
			}
		}
		if len(legal[v]) != len(States()) {
			t.Errorf("%s names a state that does not exist", v)
		}
	}
	if len(legal) != len(Verbs()) {
		t.Error("the table has a verb that Verbs does not list")
	}
}

func TestWhatIsNotWrittenIsFilledInAndSaid(t *testing.T) {
	given := Spec{UUID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", Memory: model.GiB, Boot: &Boot{Kernel: "k"}, NICs: map[string]NIC{"lan": {}}}
	got, filled := Effective(given, "x86_64")
	if got.CPUs != 1 || got.Memory != model.GiB || got.Machine != "q35" || got.Firmware != Kernel || !*got.Serial {
		t.Errorf("effective is %+v", got)
	}
	if n := got.NICs["lan"]; n.Network != UserNetwork || n.MAC != MAC(given.UUID, "lan") {
		t.Errorf("nic is %+v", n)
	}
	want := []string{"power", "cpus", "cpu.model", "arch", "machine", "accelerator", "firmware", "serial", "rng", "agent", "generationID", "stopTimeout", "onPowerOff", "onReboot", "onCrash", "nics.lan.network", "nics.lan.mac"}
	if d := cmp.Diff(want, filled); d != "" {
		t.Error(d)
	}
	if given.NICs["lan"].MAC != "" || given.Serial != nil {
		t.Error("the given spec was changed")
	}
	if probs := Check(Definition{Name: "a", Spec: got}); len(probs) > 0 {
		t.Errorf("the defaults do not pass their own check: %v", probs)
	}
}

func TestFirmwareTriesEveryDiskWhereNoneSaysItsTurn(t *testing.T) {
	got, filled := Effective(Spec{UUID: "u", Disks: map[string]Disk{"b": {Volume: "x"}, "a": {Volume: "y"}}}, "x86_64")
	if got.Disks["a"].BootIndex != 1 || got.Disks["b"].BootIndex != 2 || !slices.Contains(filled, "disks.a.bootIndex") {
		t.Errorf("%+v, filled in %v", got.Disks, filled)
	}
	got, _ = Effective(Spec{Disks: map[string]Disk{"a": {Volume: "x"}, "b": {Volume: "y", BootIndex: 3}}}, "x86_64")
	if got.Disks["a"].BootIndex != 0 {
		t.Error("a disk got a turn though another says its own")
	}
}

func TestEverythingWrongWithADefinitionIsToldAtOnce(t *testing.T) {
	d := Definition{Name: "Web", Labels: map[string]string{"a b": ""}, Spec: Spec{
		UUID: "x", Power: "maybe", CPUs: 5000, Memory: model.KiB, Arch: "vax", Firmware: Kernel, StopTimeout: -1, OnPowerOff: "preserve", OnReboot: "preserve", OnCrash: "destroy",
		Disks: map[string]Disk{"a": {Volume: "v", BootIndex: 1}, "b": {Volume: "v", BootIndex: 1, Serial: "a b"}, "_": {}},
		NICs:  map[string]NIC{"n": {Network: "lan", MAC: "01:00:5e:00:00:01"}, "m": {MAC: "zz"}},
	}}
	var paths []string
	for _, p := range Check(d) {
		paths = append(paths, p.Path)
	}
	want := "arch boot cpus disks._ disks._.volume disks.b.bootIndex disks.b.serial disks.b.volume labels memory name nics.m.mac nics.n.mac nics.n.network onCrash onPowerOff onReboot power stopTimeout uuid"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("told   %s\nwanted %s", got, want)
	}
}

func TestADefinitionKeepsItsShapeInJSON(t *testing.T) {
	in := `{"name":"web","labels":{"tier":"web"},"power":"on","cpus":2,"memory":2147483648,"boot":{"kernel":"k"},"disks":{"root":{"volume":"web-root"}},"serial":false}`
	var d Definition
	if err := json.Unmarshal([]byte(in), &d); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(d)
	if err != nil || string(out) != in {
		t.Errorf("%v\n in %s\nout %s", err, in, out)
	}
}
