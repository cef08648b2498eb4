package machine

// HoldsFDs is the character device of a second monitor, which nobody talks to. When its last monitor loses its client,
// QEMU closes every file of an fdset that it has not opened by /dev/fdset, and uses it on where a network card that
// was plugged in has it by number: a daemon that ends must not be the last.
const HoldsFDs = "holds-fds"

// NICSet is the fdset through which the listening sockets of network cards that are plugged in come. Disks have theirs
// above diskSets.
const NICSet = 50

// monitor is QMP on a listening socket, so that a later daemon can connect to a VM that an earlier one started.
func monitor() part {
	return part{
		args: []string{
			"-chardev", options("socket", "id", "qmp", "fd", fd("qmp"), "server", "on", "wait", "off"),
			"-mon", "chardev=qmp,mode=control",
			"-chardev", options("ringbuf", "id", HoldsFDs, "size", "4096"),
			"-mon", options("", "chardev", HoldsFDs, "mode", "control"),
		},
		sockets: []string{"qmp"},
	}
}

// stderr is where QEMU's last words go: all that is known of one that ended while nobody listened.
func stderr() part {
	return part{files: []File{{Name: "stderr", Kind: Stderr, Access: Append}}}
}
