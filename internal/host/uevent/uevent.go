// Package uevent hears from the kernel that hardware, drivers or modules came or went.
//
// What lives here: the kernel's messages, which of them may change what is known of a host, and waiting until a burst of
// them is over. What does not: what the host is after that (host/probe) and what follows from it (daemon).
//
// Nothing is polled: without a message nothing happens.
package uevent

import (
	"bytes"
	"strings"
)

// Event is one message of the kernel's.
// Source: the Linux kernel's lib/kobject_uevent.c; Documentation/ABI/testing/sysfs-uevent.
type Event struct {
	Action    string // add, remove, change, move, online, offline, bind, unbind
	Path      string // below /sys: /devices/pci0000:00/0000:00:01.0
	Subsystem string // pci, module, cpu, …
}

// maxMessage bounds a message; the kernel's own bound is 2 KiB of variables and a path.
const maxMessage = 16 << 10

// parse reads "ACTION@PATH", then variables, each ended by a zero byte. ok is false for what is no message of the
// kernel's: udev sends its own, which begin with "libudev".
func parse(message []byte) (ev Event, ok bool) {
	head, rest, found := bytes.Cut(message, []byte{0})
	action, path, at := strings.Cut(string(head), "@")
	if !found || !at || action == "" || !strings.HasPrefix(path, "/") || len(message) > maxMessage {
		return Event{}, false
	}
	ev = Event{Action: action, Path: path}
	for variable := range bytes.SplitSeq(rest, []byte{0}) {
		if name, value, ok := strings.Cut(string(variable), "="); ok && name == "SUBSYSTEM" {
			ev.Subsystem = value
		}
	}
	return ev, true
}

// MayChangeFacts reports whether something that is known of a host may be otherwise after ev. VMs come and go with
// network devices of their own, which are virtual, and no fact.
func MayChangeFacts(ev Event) bool {
	switch ev.Subsystem {
	case "pci", "module", "drivers", "cpu", "memory", "node", "iommu", "tpm":
		return true
	case "misc":
		return strings.HasSuffix(ev.Path, "/kvm")
	case "net":
		return !strings.HasPrefix(ev.Path, "/devices/virtual/")
	}
	return false
}
