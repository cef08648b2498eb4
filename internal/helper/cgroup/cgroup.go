// Package cgroup gives each VM a cgroup of its own where the host has a version 2 hierarchy
// (Documentation/admin-guide/cgroup-v2.rst), with the limits that its controllers can hold.
//
// What lives here: which hierarchy there is, making and removing groups. What does not: whose group stands
// where. A VM is born into its group (CLONE_INTO_CGROUP), or enters it from the scope that systemd has made.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The modes of a host.
const (
	V2     = "v2"     // one hierarchy with all controllers
	Hybrid = "hybrid" // a version 2 hierarchy beside version 1, which has the controllers
	V1     = "v1"
	None   = "none"
)

// wanted are the controllers without which a VM's limits do not hold.
var wanted = []string{"cpu", "memory", "pids"}

// Limits are what one group allows; zero is no limit.
type Limits struct {
	MemoryBytes int64
	CPUs        int
	Pids        int
}

// Tree is the part of the host's hierarchy that is ours: one folder for this helper, with a group for
// each VM in it.
type Tree struct {
	Mode        string
	Controllers []string // of wanted: those that hold in our groups
	Why         string   // why limits are not enforced, empty where they are
	top         string   // where the version 2 hierarchy is mounted; empty where there is none
	root        string   // our folder; empty where the host has no version 2
}

// Find looks at the host's mounts (the content of /proc/self/mounts) and prepares our folder, by name,
// at the top of the version 2 hierarchy. That a host cannot enforce limits is no error: Why says it.
func Find(mounts, name string) *Tree {
	top, mode := hierarchy(mounts)
	t := &Tree{Mode: mode, top: top}
	switch mode {
	case None:
		t.Why = "no cgroup hierarchy is mounted"
		return t
	case V1:
		t.Why = "this host has cgroup version 1 only"
		return t
	}
	enable(top)
	root := filepath.Join(top, name)
	if err := os.Mkdir(root, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		t.Why = "cannot make a cgroup: " + err.Error()
		return t
	}
	t.root = root
	enable(root)
	t.Controllers = common(filepath.Join(root, "cgroup.subtree_control"))
	if missing := without(wanted, t.Controllers); len(missing) > 0 {
		t.Why = fmt.Sprintf("the cgroup version 2 hierarchy of this host has no %s", strings.Join(missing, ", "))
		if mode == Hybrid {
			t.Why += "; they are mounted as version 1"
		}
	}
	return t
}

// Under is the tree below another folder of the same hierarchy, by its path from the top: one that was delegated to
// us. Its controllers are handed down when somebody enters; what is made there from then on is limited by them.
func (t *Tree) Under(path string) *Tree {
	u := &Tree{Mode: t.Mode, Why: t.Why, top: t.top}
	if t.top != "" {
		u.root = filepath.Join(t.top, path)
		u.Controllers = common(filepath.Join(u.root, "cgroup.subtree_control"))
	}
	return u
}

// Enter makes a group with these limits around a process that stands in our folder itself. First the process leaves
// it, then controllers are handed down: a folder with processes of its own may not do that.
func (t *Tree) Enter(name string, pid int, l Limits) error {
	if t.root == "" {
		return nil
	}
	dir := filepath.Join(t.root, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make cgroup: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
		return fmt.Errorf("enter cgroup: %w", err)
	}
	enable(t.root)
	return l.hold(dir, common(filepath.Join(t.root, "cgroup.subtree_control")))
}

// Enforced reports whether all limits hold.
func (t *Tree) Enforced() bool { return t.root != "" && t.Why == "" }

// hierarchy finds where version 2 is mounted and what stands beside it.
func hierarchy(mounts string) (top, mode string) {
	old := false
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		switch f[2] {
		case "cgroup2":
			if top == "" {
				top = f[1]
			}
		case "cgroup":
			// A named hierarchy, such as systemd's, holds no controller.
			old = old || !strings.Contains(f[3], "name=")
		}
	}
	switch {
	case top == "" && old:
		return "", V1
	case top == "":
		return "", None
	case old:
		return top, Hybrid
	}
	return top, V2
}

// enable hands the wanted controllers down to a folder's children, as far as it can: one that is
// refused must not keep the others from it. What came of it is read back afterwards.
func enable(dir string) {
	file := filepath.Join(dir, "cgroup.subtree_control")
	for _, c := range without(common(filepath.Join(dir, "cgroup.controllers")), common(file)) {
		_ = os.WriteFile(file, []byte("+"+c), 0o600)
	}
}

// common returns which of the wanted controllers a file lists.
func common(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	have := strings.Fields(string(data))
	return slices.DeleteFunc(slices.Clone(wanted), func(c string) bool { return !slices.Contains(have, c) })
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(c string) bool { return slices.Contains(some, c) })
}

// Make makes a group, or empties the limits of one that is there, and returns its folder to be born
// into; nil where the host has no version 2. The caller closes it.
func (t *Tree) Make(name string, l Limits) (*os.File, error) {
	if t.root == "" {
		return nil, nil
	}
	dir := filepath.Join(t.root, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	if err := l.hold(dir, t.Controllers); err != nil {
		return nil, err
	}
	return os.Open(dir)
}

// hold writes the limits into a group, by the controllers that it has.
func (l Limits) hold(dir string, controllers []string) error {
	for _, c := range controllers {
		file, value := l.setting(c)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o600); err != nil {
			return fmt.Errorf("limit cgroup: %w", err)
		}
	}
	return nil
}

// setting is the file and the value by which a controller holds its limit.
func (l Limits) setting(controller string) (file, value string) {
	orMax := func(n int64) string {
		if n == 0 {
			return "max"
		}
		return strconv.FormatInt(n, 10)
	}
	const period = 100_000 // µs, the kernel's own default
	switch controller {
	case "cpu":
		return "cpu.max", orMax(int64(l.CPUs)*period) + " " + strconv.Itoa(period)
	case "memory":
		return "memory.max", orMax(l.MemoryBytes)
	}
	return "pids.max", orMax(int64(l.Pids))
}

// Remove ends whatever is left in a group and removes it. No group is no error. A process that was
// killed takes a moment to leave: Remove waits for it.
func (t *Tree) Remove(name string) error {
	if t.root == "" {
		return nil
	}
	dir := filepath.Join(t.root, name)
	until := time.Now().Add(2 * time.Second)
	for {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(until) {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0o600); err != nil {
			return fmt.Errorf("empty cgroup: %w", err)
		}
		time.Sleep(2 * time.Millisecond) // cgroup.events tells emptiness, but not that rmdir will do
	}
}

// Exists reports whether a group is there.
func (t *Tree) Exists(name string) bool {
	if t.root == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(t.root, name))
	return err == nil
}

// Close removes our folder when no group is left in it.
func (t *Tree) Close() {
	if t.root != "" {
		_ = unix.Rmdir(t.root) // a VM that goes on keeps it
	}
}
