package machine

// serialLogSet is the fdset of the serial console's log. Disks have theirs above diskSets.
const serialLogSet = 1

// serial is the board's own UART (16550A on x86, PL011 on aarch64) on a listening socket. What the guest writes
// while nobody is connected is in the log; QEMU opens that with O_WRONLY and takes an fd of no other mode.
func serial() part {
	return part{
		args: append(addFD("serial-log", serialLogSet),
			"-chardev", options("socket", "id", "serial0", "fd", fd("serial0"), "server", "on", "wait", "off",
				"logfile", fdset(serialLogSet), "logappend", "on"),
			"-serial", "chardev:serial0"),
		files:   []File{{Name: "serial-log", Kind: SerialLog, Access: Append}},
		sockets: []string{"serial0"},
	}
}
