package machine

// monitor is QMP on a listening socket, so that a later daemon can connect to a VM that an earlier one started.
func monitor() part {
	return part{
		args: []string{
			"-chardev", options("socket", "id", "qmp", "fd", fd("qmp"), "server", "on", "wait", "off"),
			"-mon", "chardev=qmp,mode=control",
		},
		sockets: []string{"qmp"},
	}
}

// stderr is where QEMU's last words go: all that is known of one that ended while nobody listened.
func stderr() part {
	return part{files: []File{{Name: "stderr", Kind: Stderr, Access: Append}}}
}
