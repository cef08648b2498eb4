package wire

import (
	"math"
	"time"
)

// VMUsage is what a VM that has a process uses. What is not known is absent: rates where there are no two readings of
// one run, disks where QEMU did not tell. The bytes of user networking are counted by nobody.
type VMUsage struct {
	Name    string    `json:"name"`
	Project string    `json:"project"`
	State   string    `json:"state"`
	At      time.Time `json:"at" doc:"when it was read"`
	Seconds float64   `json:"seconds,omitempty" doc:"over which rates are counted"`

	CPUPercent *float64 `json:"cpuPercent,omitempty" doc:"of one processor: 150 is one and a half"`
	CPUs       int      `json:"cpus" doc:"vCPUs that it was given"`
	Resident   int64    `json:"resident" doc:"bytes of the host's memory that its process holds"`
	Memory     int64    `json:"memory" doc:"bytes that its guest was given"`
	Threads    int      `json:"threads"`

	DiskRead   *float64 `json:"diskRead,omitempty" doc:"bytes a second that its guest reads, of all disks and drives"`
	DiskWrite  *float64 `json:"diskWrite,omitempty" doc:"bytes a second that its guest writes"`
	DiskReads  *float64 `json:"diskReads,omitempty" doc:"reads a second"`
	DiskWrites *float64 `json:"diskWrites,omitempty" doc:"writes a second"`
}

// UsageTotals are the sums of all VMs that match, on all pages, beside what the host has.
type UsageTotals struct {
	VMs        int     `json:"vms"`
	CPUPercent float64 `json:"cpuPercent" doc:"of one processor, all VMs together, as far as it is known"`
	Resident   int64   `json:"resident" doc:"bytes of the host's memory that their processes hold"`
	Memory     int64   `json:"memory" doc:"bytes that their guests were given"`
	DiskRead   float64 `json:"diskRead"`
	DiskWrite  float64 `json:"diskWrite"`
	DiskReads  float64 `json:"diskReads"`
	DiskWrites float64 `json:"diskWrites"`

	HostCPUs   int   `json:"hostCPUs,omitempty"`
	HostMemory int64 `json:"hostMemory,omitempty" doc:"bytes"`
}

// UsagePage is a page of what VMs use.
type UsagePage struct {
	Items  []VMUsage   `json:"items" nullable:"false"`
	Next   string      `json:"next,omitempty" doc:"cursor of the next page"`
	Total  int         `json:"total" doc:"VMs that match, on all pages"`
	At     time.Time   `json:"at" doc:"when the sample was taken"`
	Totals UsageTotals `json:"totals"`
}

// UsageColumns are what usage can be sorted by: name from a to z, the others from the most down.
func UsageColumns() []string {
	return []string{"name", "cpu", "resident", "memory", "threads", "read", "write", "reads", "writes"}
}

// Column is what one of UsageColumns has for a VM; false where it is not known.
func (u VMUsage) Column(name string) (float64, bool) {
	known := func(v *float64) (float64, bool) {
		if v == nil {
			return 0, false
		}
		return *v, true
	}
	switch name {
	case "cpu":
		return known(u.CPUPercent)
	case "resident":
		return float64(u.Resident), true
	case "memory":
		return float64(u.Memory), true
	case "threads":
		return float64(u.Threads), true
	case "read":
		return known(u.DiskRead)
	case "write":
		return known(u.DiskWrite)
	case "reads":
		return known(u.DiskReads)
	case "writes":
		return known(u.DiskWrites)
	}
	return 0, false
}

// TotalUsage sums up; what is not known of a VM is not in it.
func TotalUsage(all []VMUsage) UsageTotals {
	sum := func(column string) (s float64) {
		for _, u := range all {
			n, _ := u.Column(column)
			s += n
		}
		return math.Round(10*s) / 10
	}
	return UsageTotals{
		VMs: len(all), CPUPercent: sum("cpu"), Resident: int64(sum("resident")), Memory: int64(sum("memory")),
		DiskRead: sum("read"), DiskWrite: sum("write"), DiskReads: sum("reads"), DiskWrites: sum("writes"),
	}
}
