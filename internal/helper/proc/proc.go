// Package proc reads what the kernel tells about processes (proc_pid_stat(5) and its neighbours) and
// holds them by pidfd (pidfd_open(2)).
//
// What lives here: parsing, identity of a process (pid and start time), pidfds, the search for
// processes by uid. What does not: which process belongs to which VM (package helper).
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// FS is a procfs mount. Tests give a folder that looks like one.
type FS string

// Host is the host's procfs.
const Host FS = "/proc"

// ticks is USER_HZ, which is 100 on every architecture that Linux runs on today.
const ticks = 100

// Stat is what matters of /proc/PID/stat.
type Stat struct {
	State     byte   // 'Z' and 'X' are gone
	StartTime uint64 // in clock ticks since boot; with the pid it names one process for this boot
	CPUMicros int64  // user and system time of all threads
	Threads   int
	RSSPages  int64
}

// Gone reports whether the process has ended and only waits for its parent.
func (s Stat) Gone() bool { return s.State == 'Z' || s.State == 'X' }

// Stat reads /proc/PID/stat.
func (fs FS) Stat(pid int) (Stat, error) {
	data, err := os.ReadFile(fs.file(pid, "stat"))
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(data)
}

// ParseStat reads the one line of /proc/PID/stat. The program's name stands in parentheses and may
// itself hold parentheses and spaces: fields count from the last one.
func ParseStat(data []byte) (Stat, error) {
	_, rest, ok := cutLast(data, ')')
	fields := strings.Fields(rest)
	if !ok || len(fields) < 22 || len(fields[0]) != 1 || fields[0][0] < 'A' {
		return Stat{}, fmt.Errorf("unknown shape of /proc/PID/stat: %.80q", data)
	}
	var bad error
	number := func(field int) int64 { // by the numbers of the manual page; fields[0] is number 3
		n, err := strconv.ParseInt(fields[field-3], 10, 64)
		if err != nil && bad == nil {
			bad = fmt.Errorf("field %d of /proc/PID/stat: %w", field, err)
		}
		return n
	}
	s := Stat{
		State:     fields[0][0],
		CPUMicros: (number(14) + number(15)) * (1_000_000 / ticks),
		Threads:   int(number(20)),
		StartTime: uint64(number(22)),
		RSSPages:  number(24),
	}
	return s, bad
}

func cutLast(data []byte, sep byte) (before, after string, ok bool) {
	i := bytes.LastIndexByte(data, sep)
	if i < 0 {
		return "", "", false
	}
	return string(data[:i]), string(data[i+1:]), true
}

// Field returns one field of a file of "Name:\tvalue" lines, such as status, io and smaps_rollup.
func Field(data []byte, name string) (string, bool) {
	for line := range bytes.Lines(data) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return string(bytes.TrimSpace(rest)), true
		}
	}
	return "", false
}

// RealUID returns the uid a process runs as. The owner of /proc/PID would not do: it is root for a
// process that made itself undumpable, as passt does.
func (fs FS) RealUID(pid int) (uint32, error) {
	data, err := os.ReadFile(fs.file(pid, "status"))
	if err != nil {
		return 0, err
	}
	value, _ := Field(data, "Uid")
	first, _, _ := strings.Cut(value, "\t")
	uid, err := strconv.ParseUint(first, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("uid of process %d: %w", pid, err)
	}
	return uint32(uid), nil
}

// WithUIDs returns the processes whose uid is in [first, first+count), zombies left out.
func (fs FS) WithUIDs(first, count uint32) (map[int]uint32, error) {
	found := map[int]uint32{}
	entries, err := os.ReadDir(string(fs))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		uid, err := fs.RealUID(pid)
		if err != nil || uid < first || uid-first >= count {
			continue // gone meanwhile, or somebody else's
		}
		if s, err := fs.Stat(pid); err == nil && !s.Gone() {
			found[pid] = uid
		}
	}
	return found, nil
}

// Users is WithUIDs for a few uids that nobody should have any more. The kernel answers from its own tables where that
// is so; to read what it tells of every process takes milliseconds on a host that has many.
func (fs FS) Users(first, count uint32) (map[int]uint32, error) {
	if fs == Host {
		_, err := unix.Getpriority(unix.PRIO_USER, int(first))
		for id := first + 1; errors.Is(err, unix.ESRCH) && id < first+count; id++ {
			_, err = unix.Getpriority(unix.PRIO_USER, int(id))
		}
		if errors.Is(err, unix.ESRCH) {
			return nil, nil
		}
	}
	return fs.WithUIDs(first, count) // which of them are zombies it alone tells
}

// BootID names this boot of the host.
func (fs FS) BootID() (string, error) {
	data, err := os.ReadFile(filepath.Join(string(fs), "sys/kernel/random/boot_id"))
	return string(bytes.TrimSpace(data)), err
}

func (fs FS) file(pid int, name string) string {
	return filepath.Join(string(fs), strconv.Itoa(pid), name)
}

// maxName is how much of a program's name the kernel keeps (TASK_COMM_LEN less its NUL).
const maxName = 15

// Runs reports whether a process has become the program at path: the kernel names it after that at
// exec, and before that it has the name of who started it.
func (fs FS) Runs(pid int, path string) bool {
	data, err := os.ReadFile(fs.file(pid, "comm"))
	name := filepath.Base(path)
	return err == nil && string(bytes.TrimSpace(data)) == name[:min(len(name), maxName)]
}

// Sealed reports whether a process has a seccomp filter. Programs such as passt set it when all else is
// prepared: it says that they serve.
func (fs FS) Sealed(pid int) bool {
	data, err := os.ReadFile(fs.file(pid, "status"))
	if err != nil {
		return false
	}
	mode, _ := Field(data, "Seccomp")
	return mode == "2"
}
