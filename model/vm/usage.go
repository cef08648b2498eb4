package vm

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// Counters are what one run of a VM has used since its start.
type Counters struct {
	Run      uint64    // which run it is: the next one counts from zero
	At       time.Time // when processor and memory were read
	CPU      time.Duration
	Resident model.Bytes
	Threads  int
	Disk     *DiskCounters // nil where QEMU did not say
}

// DiskCounters are what a guest has asked of its disks and drives.
type DiskCounters struct {
	At                    time.Time
	ReadBytes, WriteBytes int64
	Reads, Writes         int64
}

// Usage is what a VM uses: what it holds now, and how fast it used the rest between two readings. What there are no
// two readings of is nil.
type Usage struct {
	At       time.Time
	Over     time.Duration // between the readings; 0 for one alone
	CPU      *float64      // of one processor: 1.5 is one and a half
	Resident model.Bytes
	Threads  int
	Disk     *DiskUsage
}

// DiskUsage is what a guest asks of its disks in a second.
type DiskUsage struct {
	ReadBytes, WriteBytes float64
	Reads, Writes         float64
}

// Sample is what all VMs that have a process use, by UUID.
type Sample struct {
	At  time.Time
	VMs map[string]Usage
}

// Between is what a VM used from one reading to the next. Readings of two runs, or of a clock that stood, say nothing.
func Between(before, now Counters) Usage {
	u := Usage{At: now.At, Resident: now.Resident, Threads: now.Threads}
	over := now.At.Sub(before.At)
	if before.Run != now.Run || over <= 0 || now.CPU < before.CPU {
		return u
	}
	cpu := float64(now.CPU-before.CPU) / float64(over)
	u.Over, u.CPU = over, &cpu
	if a, b := before.Disk, now.Disk; a != nil && b != nil {
		u.Disk = a.until(*b)
	}
	return u
}

// until is the rate from a to b; nil where a disk was taken away meanwhile, with what it had counted.
func (a DiskCounters) until(b DiskCounters) *DiskUsage {
	over := b.At.Sub(a.At).Seconds()
	if over <= 0 || b.ReadBytes < a.ReadBytes || b.WriteBytes < a.WriteBytes || b.Reads < a.Reads || b.Writes < a.Writes {
		return nil
	}
	rate := func(from, to int64) float64 { return float64(to-from) / over }
	return &DiskUsage{
		ReadBytes: rate(a.ReadBytes, b.ReadBytes), WriteBytes: rate(a.WriteBytes, b.WriteBytes),
		Reads: rate(a.Reads, b.Reads), Writes: rate(a.Writes, b.Writes),
	}
}
