package importer

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// How long is waited for what.
const (
	dialTimeout   = 30 * time.Second
	headerTimeout = 60 * time.Second
	maxRedirects  = 8
)

// Fetcher is what speaks to the network, and to nobody else but who asked it: it knows neither what it fetches nor where
// that is kept. Packaged it is a process of its own for each download (hvd fetch, started by hv-fetch.socket).
type Fetcher struct {
	proxy   func(*http.Request) (*url.URL, error)
	proxies map[netip.AddrPort]bool
	roots   *tls.Config // nil: the host's
}

// NewFetcher returns one. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).
func NewFetcher() *Fetcher {
	return &Fetcher{proxy: http.ProxyFromEnvironment, proxies: proxiesOf(http.ProxyFromEnvironment)}
}

// Serve answers the one request that comes over a connection. It ends when that is answered, or when who asked hangs up.
func (f *Fetcher) Serve(ctx context.Context, conn io.ReadWriter) error {
	in := bufio.NewReaderSize(conn, 4<<10)
	var q request
	if err := readLine(in, &q); err != nil {
		return fault.New(fault.Invalid, "no request came").Because(err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = in.ReadByte() // nothing more is ever said
		stop()
	}()
	res, err := f.ask(ctx, q)
	if err != nil {
		return writeLine(conn, answer{Failed: privilege.FailureOf(err)})
	}
	defer func() { _ = res.Body.Close() }()
	a := answer{Length: res.ContentLength, Mark: strong(res.Header)}
	if res.StatusCode == http.StatusPartialContent {
		a.From = q.From
	}
	if err := writeLine(conn, a); err != nil {
		return err
	}
	out := pieces{conn}
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{res.Body}, make([]byte, 256<<10))
	if err != nil {
		err = fault.New(fault.Unavailable, "the download broke off").Because(err)
	}
	return errors.Join(err, out.end(err))
}

func (f *Fetcher) client(q request) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: guard(q.Local, f.proxies)}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: f.proxy, DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: headerTimeout,
			TLSClientConfig: f.roots, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) >= maxRedirects {
				return fault.New(fault.Unavailable, "it is redirected again and again")
			}
			if r.URL.Scheme != "https" && via[0].URL.Scheme == "https" && !q.Insecure {
				return fault.New(fault.Denied, "it leads on to %s, which is not encrypted", r.URL.Redacted()).WithCode("HV-IMG-012")
			}
			return nil
		},
	}
}

// ask sends a request for what is missing.
func (f *Fetcher) ask(ctx context.Context, q request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.URL, http.NoBody)
	if err != nil || req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "%.200q is no URL", q.URL).Because(err)
	}
	req.Header.Set("User-Agent", "hyper-nixos")
	if q.From > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(q.From, 10)+"-")
		req.Header.Set("If-Range", q.Mark)
	}
	res, err := f.client(q).Do(req)
	if err != nil {
		return nil, unreached(err, req.URL)
	}
	switch {
	case res.StatusCode == http.StatusOK:
		return res, nil
	case res.StatusCode == http.StatusPartialContent && q.From > 0 && strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", q.From)):
		return res, nil
	}
	_ = res.Body.Close()
	kind := fault.Unavailable
	if s := res.StatusCode; s >= 400 && s < 500 && s != http.StatusRequestTimeout && s != http.StatusTooManyRequests && s != http.StatusRequestedRangeNotSatisfiable {
		kind = fault.NotFound
	}
	return nil, fault.New(kind, "%s answers %s", req.URL.Host, res.Status).WithCode("HV-IMG-015").Try("look at %s", req.URL.Redacted())
}

// unreached is why no answer came.
func unreached(err error, u *url.URL) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return fault.Wrap(f, "cannot fetch from %s", u.Host)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.New(fault.Denied, "%s has no certificate that this host trusts", u.Host).Because(err).WithCode("HV-IMG-012")
	}
	if here.shut(err) {
		return noNetwork(err, u)
	}
	return fault.New(fault.Unavailable, "cannot fetch from %s", u.Host).Because(err).WithCode("HV-IMG-015").
		Try("look at the host's network, and at HTTPS_PROXY of what fetches: systemctl edit hv-fetch@.service")
}

// strong is a mark that two different contents cannot share; empty where the server gives none.
func strong(h http.Header) string {
	if e := h.Get("ETag"); e != "" && !strings.HasPrefix(e, "W/") && len(e) < 200 {
		return e
	}
	if l := h.Get("Last-Modified"); len(l) < 60 {
		return l
	}
	return ""
}
