package importer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestAnHvdWithoutNetworkSaysSoAtOnce(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EAFNOSUPPORT, syscall.EPERM} {
		r := newRig(t)
		r.fetcher.proxy = func(*http.Request) (*url.URL, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}
		}
		r.wait = func(context.Context, int) error { t.Error("it is tried again"); return nil }
		err := r.fetch("/image", true)
		if fault.Retryable(err) || fault.CodeOf(err) != "HV-IMG-019" || !strings.Contains(err.Error(), "has no network") ||
			!strings.Contains(fault.HintOf(err), "hv image import NAME FILE") {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

func TestNoNetworkIsToldFromOneThatDoesNotAnswer(t *testing.T) {
	lo, card := net.Interface{Flags: net.FlagLoopback}, net.Interface{Flags: net.FlagUp}
	name := &net.DNSError{Err: "lookup failed", Name: "images.example.org"}
	for what, c := range map[string]struct {
		err, socket error
		links       []net.Interface
		want        bool
	}{
		"a refused connection":             {syscall.ECONNREFUSED, nil, []net.Interface{lo}, false},
		"an unreachable network of a host": {syscall.ENETUNREACH, nil, []net.Interface{lo, card}, false},
		"an empty network namespace":       {syscall.ENETUNREACH, nil, []net.Interface{lo}, true},
		"a name that is not known":         {name, nil, []net.Interface{lo, card}, false},
		"a name where nothing is":          {name, nil, []net.Interface{lo}, true},
		"a name where no socket is":        {name, syscall.EAFNOSUPPORT, []net.Interface{lo, card}, true},
		"too many open files":              {name, syscall.EMFILE, []net.Interface{lo, card}, false},
	} {
		h := host{func(int) error { return c.socket }, func() ([]net.Interface, error) { return c.links, nil }}
		if got := h.shut(errors.Join(c.err)); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
