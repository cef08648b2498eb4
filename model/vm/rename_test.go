package vm

import (
	"reflect"
	"testing"
)

func TestWhatWasWrittenDownOfAVMFollowsTheNamesOfItsVolumesOnce(t *testing.T) {
	with := func(volume string) *Spec {
		return &Spec{Disks: map[string]Disk{"root": {Volume: volume, ReadOnly: true}}, CDROMs: map[string]CDROM{"cd": {Volume: "medium"}}}
	}
	was := PowerStatus{Process: &Process{PID: 7, Started: with("a")}, Saved: &Saved{Process: Process{Started: with("a")}}}
	renames := []Rename{{"a", "b", 2}, {"medium", "disc", 3}, {"b", "c", 5}}
	now, changed := was.WithNames(renames)
	if !changed || now.Renamed != 5 || now.Process.PID != 7 {
		t.Errorf("%v, %+v", changed, now)
	}
	for _, s := range []*Spec{now.Process.Started, now.Saved.Process.Started} {
		if s.Disks["root"] != (Disk{Volume: "c", ReadOnly: true}) || s.CDROMs["cd"].Volume != "disc" {
			t.Errorf("%+v", s)
		}
	}
	if !reflect.DeepEqual(was.Process.Started, with("a")) {
		t.Errorf("what was is changed: %+v", was.Process.Started)
	}
	// Another volume "a" has come since, and is another one.
	now.Process = &Process{Started: with("a")}
	if again, changed := now.WithNames(renames); changed || again.Process.Started.Disks["root"].Volume != "a" {
		t.Errorf("%v, %+v", changed, again.Process.Started)
	}
	if _, found := with("a").WithVolume("x", "y"); found {
		t.Error("a volume that it has not is found")
	}
}
