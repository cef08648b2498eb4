package launch

import (
	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
)

// Landlock says again, and in another part of the kernel, what the jail says by what is mounted in it: a mistake
// in one of them opens nothing.

// granted are the places of the jail that a program may use, and how. Of the links to /usr, one that leads
// there names it once more; where it is a folder of its own it needs its own rule.
var granted = []confine.Grant{
	{Path: "/usr", May: confine.MayRun}, {Path: "/bin", May: confine.MayRun}, {Path: "/sbin", May: confine.MayRun},
	{Path: "/lib", May: confine.MayRun}, {Path: "/lib32", May: confine.MayRun}, {Path: "/lib64", May: confine.MayRun}, {Path: "/libx32", May: confine.MayRun},
	{Path: "/nix/store", May: confine.MayRun},
	{Path: "/proc", May: confine.MayRead}, {Path: "/dev", May: confine.MayUse}, {Path: "/run", May: confine.MayWrite},
}

// families of sockets that a VM's process may make: of its own network namespace, in which there is nothing.
// AF_VSOCK, which knows no namespace, is not one of them.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6}

// confined gives the calling thread, and so what it executes, landlock and a filter of system calls.
func confined() error {
	version, err := confine.Landlock()
	if err != nil {
		return &StepError{"landlock", err}
	}
	if err := confine.Files(version, granted...); err != nil {
		return &StepError{"landlock", err}
	}
	if err := confine.Calls(families...); err != nil {
		return &StepError{"seccomp", err}
	}
	return nil
}
