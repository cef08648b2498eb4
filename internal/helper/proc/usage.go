package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what one process has used since its start.
type Usage struct {
	CPUMicros             int64
	RSSBytes, PSSBytes    int64
	ReadBytes, WriteBytes int64 // from and to storage
	Threads               int
}

// Usage reads stat, io and, where pss is asked for, smaps_rollup. The last one walks the page tables:
// its price grows with the process' memory.
func (fs FS) Usage(pid int, pss bool) (Usage, error) {
	stat, err := fs.Stat(pid)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{CPUMicros: stat.CPUMicros, Threads: stat.Threads, RSSBytes: stat.RSSPages * int64(os.Getpagesize())}
	io, err := os.ReadFile(fs.file(pid, "io"))
	if err != nil {
		return Usage{}, err
	}
	if u.ReadBytes, err = number(io, "read_bytes"); err != nil {
		return Usage{}, err
	}
	if u.WriteBytes, err = number(io, "write_bytes"); err != nil {
		return Usage{}, err
	}
	if !pss {
		return u, nil
	}
	rollup, err := os.ReadFile(fs.file(pid, "smaps_rollup"))
	if err != nil {
		return Usage{}, err
	}
	kib, err := number(rollup, "Pss")
	u.PSSBytes = kib << 10
	return u, err
}

// number reads a field that is a number, or a number of kB.
func number(data []byte, name string) (int64, error) {
	value, ok := Field(data, name)
	if !ok {
		return 0, fmt.Errorf("no field %q in what the kernel tells of the process", name)
	}
	return strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
}

// Threads maps the ids that a process' threads have in its own, innermost pid namespace to the host's.
func (fs FS) Threads(pid int) (map[int]int, error) {
	entries, err := os.ReadDir(fs.file(pid, "task"))
	if err != nil {
		return nil, err
	}
	host := map[int]int{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(fs.file(pid, "task"), e.Name(), "status"))
		if err != nil {
			continue // the thread has ended meanwhile
		}
		value, _ := Field(data, "NSpid")
		ids := strings.Fields(value) // outermost first
		if len(ids) == 0 {
			return nil, fmt.Errorf("the kernel tells no NSpid of thread %s", e.Name())
		}
		outer, err := strconv.Atoi(ids[0])
		if err != nil {
			return nil, err
		}
		inner, err := strconv.Atoi(ids[len(ids)-1])
		if err != nil {
			return nil, err
		}
		host[inner] = outer
	}
	return host, nil
}
