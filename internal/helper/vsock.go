package helper

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// openVsock opens the device by which a guest speaks to its host without a network. QEMU's jail has no such node, and the
// opened one is good for one guest.
func (h *Helper) openVsock(s *start, l *privilege.Launch) error {
	if !l.Vsock {
		return nil
	}
	f, err := os.OpenFile("/dev/vhost-vsock", os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fault.New(fault.Precondition, "this host has no vsock for guests").Because(err).
			Try("modprobe vhost_vsock, or leave vsock out of the VM's spec").WithCode("HV-VM-093")
	}
	s.own, s.birth.Files = append(s.own, f), append(s.birth.Files, f)
	return nil
}
