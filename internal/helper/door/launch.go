package door

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

type launch privilege.Launch

// arches are the guests that there is a QEMU for.
var arches = []string{"x86_64", "aarch64"}

const (
	maxSockets = 64
	maxUplinks = 8
	maxCPUs    = 4096
	minPids    = 16 // QEMU with one vCPU and its I/O threads has about ten
)

func (l *launch) check(w *wrong, files int) {
	w.uuid(l.VM)
	w.unless(isLabel(l.Name), "name: %.80q is not a DNS label", l.Name)
	w.unless(slices.Contains(arches, l.Arch), "arch: %.20q is neither x86_64 nor aarch64", l.Arch)
	w.unless(len(l.Files) == files, "files: %d names for %d file descriptors", len(l.Files), files)
	w.unless(len(l.Files) <= privilege.MaxFiles, "files: %d; at most %d", len(l.Files), privilege.MaxFiles)
	w.unless(len(l.Sockets) <= maxSockets, "sockets: %d; at most %d", len(l.Sockets), maxSockets)
	w.unless(len(l.Uplinks) <= maxUplinks, "uplinks: %d; at most %d", len(l.Uplinks), maxUplinks)
	w.unless(l.Limits.MemoryBytes >= 0, "limits: memoryBytes %d", l.Limits.MemoryBytes)
	w.unless(l.Limits.CPUs >= 0 && l.Limits.CPUs <= maxCPUs, "limits: cpus %d; 0 to %d", l.Limits.CPUs, maxCPUs)
	w.unless(l.Limits.Pids == 0 || l.Limits.Pids >= minPids, "limits: pids %d; at least %d", l.Limits.Pids, minPids)
	l.shares(w)
	l.names(w)
	privilegedArgs(w, l.Args)
	if _, err := Number((*privilege.Launch)(l)); err != nil {
		w.say("args: %v", err)
	}
}

// names checks that every file and socket has a name of its own, and every uplink a socket of its own.
func (l *launch) names(w *wrong) {
	seen, extra := map[string]bool{}, append((*privilege.Launch)(l).Extras(), privilege.TPMSocket)
	for _, n := range l.Files {
		w.unless(isFile(n) && !slices.Contains(extra, n), "files: %.80q is no name", n)
		w.unless(!seen[n], "files: %.80q twice", n)
		seen[n] = true
	}
	for _, n := range l.Sockets {
		w.unless(isSocket(n) && n != privilege.StderrFile && !slices.Contains(extra, n), "sockets: %.80q is no name of a socket", n)
		w.unless(!seen[n], "sockets: %.80q twice, or a file has this name", n)
		seen[n] = true
	}
	joined := map[string]bool{}
	for _, u := range l.Uplinks {
		w.unless(u.VM == "", "uplinks: vm is for the verb uplink")
		w.unless(!u.Cut, "uplinks: cut is for the verb uplink")
		w.unless(slices.Contains(l.Sockets, u.Socket), "uplinks: %.80q is not one of the sockets", u.Socket)
		w.unless(!joined[u.Socket], "uplinks: %.80q twice", u.Socket)
		joined[u.Socket] = true
	}
}
