// Package importer fetches images and what is said of them from elsewhere.
//
// What lives here: downloads that can be resumed, files of sums, signatures, and the indexes in which images are
// listed (simplestreams, plain ones). What does not: what an image is (storage/image) and which distributions there
// are (model/cloud).
package importer

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// guard keeps a download from where a user of the API could not reach by himself: this host's own services, and what
// answers on its link only, such as a cloud's metadata service (169.254.169.254). It looks at the address that is
// connected to, after the name was resolved, and on every redirect again.
func guard(local bool, proxies map[string]bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fault.New(fault.Internal, "%.80q is no address", address).Because(err)
		}
		ip := at.Addr().Unmap()
		switch {
		case local || proxies[ip.String()]:
			return nil
		case ip.IsLoopback(), ip.IsUnspecified(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip == netip.MustParseAddr("255.255.255.255"):
			return fault.New(fault.Denied, "%s is this host, or on its link: nothing is fetched from there for others than root", ip).
				Try("download it yourself, and import the file").WithCode("HV-IMG-013")
		}
		return nil
	}
}

// proxiesOf are the addresses of the proxies that the environment names: the guard lets a download go through them.
// Where there is a proxy, it decides what it fetches.
func proxiesOf(proxy func(*http.Request) (*url.URL, error)) map[string]bool {
	out := map[string]bool{}
	for _, scheme := range []string{"http", "https"} {
		u, err := proxy(&http.Request{URL: &url.URL{Scheme: scheme, Host: "images.invalid"}})
		if err != nil || u == nil {
			continue
		}
		all, err := net.LookupIP(u.Hostname()) //nolint:noctx // once, when the daemon starts
		if err != nil {
			continue
		}
		for _, ip := range all {
			if a, ok := netip.AddrFromSlice(ip); ok {
				out[a.Unmap().String()] = true
			}
		}
	}
	return out
}
