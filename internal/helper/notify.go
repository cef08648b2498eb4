package helper

import (
	"os"

	"golang.org/x/sys/unix"
)

// announce tells whoever started us that requests are answered: by a line on a descriptor, and to
// systemd (sd_notify(3)) where it asks for it.
func announce(readyFD int) error {
	if readyFD > 2 {
		f := os.NewFile(uintptr(readyFD), "ready")
		_, err := f.WriteString("ready\n")
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	if address[0] == '@' {
		address = "\x00" + address[1:] // an abstract one
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }() // what was sent, was sent
	return unix.Sendto(fd, []byte("READY=1"), 0, &unix.SockaddrUnix{Name: address})
}
