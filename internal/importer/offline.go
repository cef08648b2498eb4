package importer

import (
	"errors"
	"net"
	"net/url"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// host is what this process may ask of the kernel's network.
type host struct {
	socket func(family int) error
	links  func() ([]net.Interface, error)
}

var here = host{socket: trySocket, links: net.Interfaces}

func trySocket(family int) error {
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return syscall.Close(fd)
}

// shut reports whether err came of this process having no network at all, as the packaged hvd has none, and not of
// the network or of who should answer. Trying again does not change that. A failed look-up of a name does not say which
// call failed, so the kernel is asked again.
func (h host) shut(err error) bool {
	if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EPERM) {
		return true
	}
	_, unresolved := errors.AsType[*net.DNSError](err)
	if !unresolved && !errors.Is(err, syscall.ENETUNREACH) {
		return false
	}
	four, six := h.socket(syscall.AF_INET), h.socket(syscall.AF_INET6)
	if four != nil && six != nil {
		return errors.Is(four, syscall.EAFNOSUPPORT) || errors.Is(four, syscall.EPERM)
	}
	all, err := h.links()
	for _, l := range all {
		if l.Flags&net.FlagLoopback == 0 {
			return false
		}
	}
	return err == nil // a network namespace in which nothing is
}

// noNetwork is what is told then.
func noNetwork(err error, u *url.URL) error {
	return fault.New(fault.Precondition, "what fetches for hvd has no network, and cannot fetch from %s", u.Host).Because(err).WithCode("HV-IMG-019").
		Try("systemctl status hv-fetch.socket; or fetch it yourself, and then: hv image import NAME FILE")
}
