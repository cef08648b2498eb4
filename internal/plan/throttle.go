package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// throttleStep says what a disk may do in a second. It is told all of it, so it may be told again.
func throttleStep(path, name string, l vm.DiskLimits) Step {
	what := "limit what disk " + name + " may do in a second"
	if l == (vm.DiskLimits{}) {
		what = "let disk " + name + " do what it can"
	}
	return Step{Kind: Throttle, Name: what, Edit: &Edit{Path: path, Limits: limitsOf(name, l)}}
}

func limitsOf(name string, l vm.DiskLimits) *qmp.Limits {
	b := l.Burst
	seconds := func(burst int64) int64 {
		if burst == 0 {
			return 0
		}
		return int64(cmp.Or(l.BurstSeconds, 1))
	}
	q := qmp.Limits{
		ID:   machine.DiskDevice(name),
		IOPS: int64(l.IOPS), IOPSRead: int64(l.ReadIOPS), IOPSWrite: int64(l.WriteIOPS),
		BPS: int64(l.Bandwidth), BPSRead: int64(l.ReadBandwidth), BPSWrite: int64(l.WriteBandwidth),
		IOPSMax: int64(b.IOPS), IOPSReadMax: int64(b.ReadIOPS), IOPSWriteMax: int64(b.WriteIOPS),
		BPSMax: int64(b.Bandwidth), BPSReadMax: int64(b.ReadBandwidth), BPSWriteMax: int64(b.WriteBandwidth),
	}
	q.IOPSMaxLength, q.IOPSReadMaxLength, q.IOPSWriteMaxLength = seconds(q.IOPSMax), seconds(q.IOPSReadMax), seconds(q.IOPSWriteMax)
	q.BPSMaxLength, q.BPSReadMaxLength, q.BPSWriteMaxLength = seconds(q.BPSMax), seconds(q.BPSReadMax), seconds(q.BPSWriteMax)
	return &q
}

// throttles are the steps for disks that are limited before a VM runs for the first time.
func throttles(s vm.Spec) []Step {
	var steps []Step
	for _, name := range slices.Sorted(maps.Keys(s.Disks)) {
		if l := s.Disks[name].Limits; l != (vm.DiskLimits{}) {
			steps = append(steps, throttleStep("disks."+name, name, l))
		}
	}
	return steps
}

// idleWithout is the thread that serves nothing once the disk of this name has gone; empty for none.
func (l *liveEdit) idleWithout(name string) string {
	thread := l.process.Started.Disks[name].IOThread
	if s := l.process.Started.SCSI; s != nil && s.IOThread == thread {
		return ""
	}
	for other, d := range l.process.Started.Disks {
		if other != name && d.IOThread == thread {
			return ""
		}
	}
	return machine.IOThread(thread)
}
