package probe

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// The modes of control groups. On a hybrid host there are both versions, and most controllers with version 1.
const (
	cgroupV2     = "v2"
	cgroupHybrid = "hybrid"
	cgroupV1     = "v1"
	cgroupNone   = "none"
)

// needed are the controllers without which a VM's limits do not hold.
var needed = []string{"cpu", "memory", "pids"}

// cgroup says which hierarchies are mounted, and which controllers the version 2 one has. Whether a VM's limits
// really hold, hv-helper knows, who makes its group; this is what sysfs promises.
// Source: cgroups(7), the Linux kernel's Documentation/admin-guide/cgroup-v2.rst.
func cgroup(root fs.FS, f *host.Facts) {
	mounts := read(root, "proc/self/mounts")
	if mounts == "" {
		return
	}
	top, mode := hierarchy(mounts)
	c := &host.Cgroup{Mode: mode}
	f.Cgroup = c
	switch mode {
	case cgroupNone:
		c.Why = "no cgroup hierarchy is mounted"
		return
	case cgroupV1:
		c.Why = "this host has cgroup version 1 only"
		return
	}
	c.Controllers = strings.Fields(read(root, path.Join(top, "cgroup.controllers")))
	missing := slices.DeleteFunc(slices.Clone(needed), func(n string) bool { return slices.Contains(c.Controllers, n) })
	if c.Enforced = len(missing) == 0; c.Enforced {
		return
	}
	c.Why = "the cgroup version 2 hierarchy of this host has no " + strings.Join(missing, ", ")
	if mode == cgroupHybrid {
		c.Why += ": on a hybrid host they are with version 1"
	}
}

// hierarchy finds where version 2 is mounted, as a path below the root folder, and what stands beside it.
func hierarchy(mounts string) (top, mode string) {
	old := false
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		switch f[2] {
		case "cgroup2":
			if at := strings.TrimPrefix(f[1], "/"); top == "" && fs.ValidPath(at) {
				top = at
			}
		case "cgroup":
			// A named hierarchy, such as systemd's, holds no controller.
			old = old || !strings.Contains(f[3], "name=")
		}
	}
	switch {
	case top == "" && old:
		return "", cgroupV1
	case top == "":
		return "", cgroupNone
	case old:
		return top, cgroupHybrid
	}
	return top, cgroupV2
}
