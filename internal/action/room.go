package action

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// frees reports whether a change makes room on the disk, or keeps it from being filled. On a full disk
// the reserve is given up for it: else the owner could not even delete what fills it.
func (r Row) frees() bool {
	return slices.Contains([]string{
		VMStop.name, VMKill.name, VMPause.name, VMDelete.name, VolumeDelete.name, VolumePurge.name, PoolDelete.name, BootFileDelete.name, OperationCancel.name,
	}, r.name)
}

// insist does f, and once more where the disk is full and the reserve could be given up for it.
func (a *Actions) insist(row Row, f func() error) error {
	err := f()
	if fault.KindOf(err) != fault.Exhausted || !row.frees() || a.MakeRoom == nil || !a.MakeRoom() {
		return err
	}
	a.Log.Warn("the disk of the state folder is full: its reserve is given up", "action", row.name)
	return f()
}
