// Package importer fetches images and what is said of them from elsewhere.
//
// What lives here: downloads that can be resumed, files of sums, signatures, and the indexes in which images are
// listed (simplestreams, plain ones). What does not: what an image is (storage/image) and which distributions there
// are (model/cloud).
package importer

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The address of everybody on the link, and that at which a cloud's metadata service answers beside 169.254.169.254: it
// looks like a private one.
var (
	broadcast = netip.MustParseAddr("255.255.255.255")
	metadata6 = netip.MustParseAddr("fd00:ec2::254")
)

// guard keeps a download from where a user of the API could not reach by himself: this host's own services, and what
// answers on its link only, such as a cloud's metadata service (169.254.169.254). It looks at the address that is
// connected to, after the name was resolved, and on every redirect again. A proxy is let through where it listens: what
// else its host serves is no proxy.
func guard(local bool, proxies map[netip.AddrPort]bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fault.New(fault.Internal, "%.80q is no address", address).Because(err)
		}
		ip := at.Addr().Unmap()
		switch {
		case local || proxies[netip.AddrPortFrom(ip, at.Port())]:
			return nil
		case ip.IsLoopback(), ip.IsUnspecified(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip == broadcast, ip == metadata6:
			return fault.New(fault.Denied, "%s is this host, or on its link: nothing is fetched from there for others than root", ip).
				Try("download it yourself, and import the file").WithCode("HV-IMG-013")
		}
		return nil
	}
}

// usualPorts are those of proxies of which no port is said, as net/http takes them.
var usualPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// proxiesOf are the addresses of the proxies that the environment names: the guard lets a download go through them.
// Where there is a proxy, it decides what it fetches.
func proxiesOf(proxy func(*http.Request) (*url.URL, error)) map[netip.AddrPort]bool {
	out := map[netip.AddrPort]bool{}
	for _, scheme := range []string{"http", "https"} {
		u, err := proxy(&http.Request{URL: &url.URL{Scheme: scheme, Host: "images.invalid"}})
		if err != nil || u == nil {
			continue
		}
		port, err := strconv.ParseUint(cmp.Or(u.Port(), usualPorts[u.Scheme]), 10, 16)
		if err != nil {
			continue
		}
		all, err := net.LookupIP(u.Hostname()) //nolint:noctx // once, when the daemon starts
		if err != nil {
			continue
		}
		for _, ip := range all {
			if a, ok := netip.AddrFromSlice(ip); ok {
				out[netip.AddrPortFrom(a.Unmap(), uint16(port))] = true
			}
		}
	}
	return out
}
