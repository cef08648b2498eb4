package vm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatNeedsARestartIsTold(t *testing.T) {
	a, _ := Effective(Spec{UUID: "u", Disks: map[string]Disk{"root": {Volume: "r"}, "old": {Volume: "o"}}}, "x86_64")
	b := a.Clone()
	b.CPUs, b.Power, b.StopTimeout = 4, Paused, 5
	delete(b.Disks, "old")
	b.Disks["new"] = Disk{Volume: "n"}
	if d := cmp.Diff([]string{"cpus", "disks.new", "disks.old"}, NeedRestart(a, b)); d != "" {
		t.Error(d)
	}
	if d := Diff(a, a.Clone()); d != nil {
		t.Errorf("a spec differs from itself: %v", d)
	}
}
