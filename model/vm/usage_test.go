package vm

import (
	"testing"
	"time"
)

func TestARateIsWhatWasUsedBetweenTwoReadingsOfOneRun(t *testing.T) {
	at := time.Unix(1000, 0)
	disk := func(after time.Duration, n int64) *DiskCounters {
		return &DiskCounters{At: at.Add(after), ReadBytes: 100 * n, WriteBytes: 10 * n, Reads: 2 * n, Writes: n}
	}
	first := Counters{Run: 7, At: at, CPU: 3 * time.Second, Resident: 5, Disk: disk(0, 10)}
	for name, c := range map[string]struct {
		now   Counters
		cpu   float64 // -1: not known
		write float64
	}{
		"half a processor":            {Counters{Run: 7, At: at.Add(2 * time.Second), CPU: 4 * time.Second, Disk: disk(2*time.Second, 30)}, 0.5, 100},
		"each reading has its time":   {Counters{Run: 7, At: at.Add(2 * time.Second), CPU: 4 * time.Second, Disk: disk(4*time.Second, 30)}, 0.5, 50},
		"idle":                        {Counters{Run: 7, At: at.Add(2 * time.Second), CPU: 3 * time.Second, Disk: disk(time.Second, 10)}, 0, 0},
		"another run":                 {Counters{Run: 8, At: at.Add(2 * time.Second), CPU: 4 * time.Second, Disk: disk(2*time.Second, 30)}, -1, -1},
		"the same moment":             {Counters{Run: 7, At: at, CPU: 4 * time.Second, Disk: disk(0, 30)}, -1, -1},
		"QEMU did not say":            {Counters{Run: 7, At: at.Add(time.Second), CPU: 4 * time.Second}, 1, -1},
		"a disk was taken away":       {Counters{Run: 7, At: at.Add(time.Second), CPU: 4 * time.Second, Disk: disk(time.Second, 9)}, 1, -1},
		"the processor's count falls": {Counters{Run: 7, At: at.Add(time.Second), CPU: 2 * time.Second, Disk: disk(time.Second, 30)}, -1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			u := Between(first, c.now)
			if got := orUnknown(u.CPU); got != c.cpu {
				t.Errorf("cpu %v, not %v", got, c.cpu)
			}
			var write *float64
			if u.Disk != nil {
				write = &u.Disk.WriteBytes
			}
			if got := orUnknown(write); got != c.write {
				t.Errorf("writes %v B/s, not %v", got, c.write)
			}
		})
	}
}

func orUnknown(v *float64) float64 {
	if v == nil {
		return -1
	}
	return *v
}
