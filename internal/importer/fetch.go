package importer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// How long is waited for what, and how often a download that broke off is taken up again.
const (
	dialTimeout   = 30 * time.Second
	headerTimeout = 60 * time.Second
	stall         = 90 * time.Second // without a byte
	maxRedirects  = 8
	maxTries      = 6 // in a row without a byte more
)

// Importer fetches.
type Importer struct {
	proxy   func(*http.Request) (*url.URL, error)
	proxies map[netip.AddrPort]bool
	mirror  *url.URL
	wait    func(context.Context, int) error // before the n-th try
	roots   *tls.Config                      // nil: the host's
	// Keyrings are files and folders with OpenPGP keys by which files of sums may be signed.
	Keyrings []string
}

// New returns an importer. mirror, unless empty, stands before every host of the catalogue: a URL https://HOST/PATH
// becomes MIRROR/HOST/PATH. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).
func New(mirror string) (*Importer, error) {
	i := &Importer{proxy: http.ProxyFromEnvironment, wait: backoff, Keyrings: []string{"/etc/hyper-nixos/image-keys", "/usr/share/keyrings"}}
	i.proxies = proxiesOf(i.proxy)
	if mirror != "" {
		u, err := url.Parse(mirror)
		if err != nil || u.Host == "" {
			return nil, fault.New(fault.Invalid, "the mirror of images %.200q is no URL", mirror)
		}
		i.mirror = u
	}
	return i, nil
}

// Mirrored is a URL of the catalogue as it is fetched here.
func (i *Importer) Mirrored(text string) string {
	u, err := url.Parse(text)
	if i.mirror == nil || err != nil || u.Host == "" {
		return text
	}
	return i.mirror.JoinPath(u.Host, u.Path).String()
}

func (i *Importer) client(d storage.Download) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: guard(d.Local, i.proxies)}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: i.proxy, DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: headerTimeout,
			TLSClientConfig: i.roots, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) >= maxRedirects {
				return fault.New(fault.Unavailable, "it is redirected again and again")
			}
			if r.URL.Scheme != "https" && via[0].URL.Scheme == "https" && !d.Insecure {
				return fault.New(fault.Denied, "it leads on to %s, which is not encrypted", r.URL.Redacted()).WithCode("HV-IMG-012")
			}
			return nil
		},
	}
}

func backoff(ctx context.Context, n int) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Second << min(n-1, 5)):
		return nil
	}
}

// mark is by what a server says that a file is still the same: If-Range takes one of both (RFC 9110, section 13.1.5).
type mark struct {
	URL   string `json:"url"`
	Mark  string `json:"mark"`
	Total int64  `json:"total"`
}

// Fetch downloads into a file, and goes on where it stopped when it is called again with the same file and note. The
// note is a file of its own, in which stands what was begun. tell hears how much is there of how much; 0 of unknown.
func (i *Importer) Fetch(ctx context.Context, d storage.Download, into, note *os.File, tell func(done, total model.Bytes)) error {
	c := i.client(d)
	for try := 0; ; {
		before, err := into.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		err = i.once(ctx, c, d, into, note, tell)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fault.New(fault.Unavailable, "the download was stopped").Because(context.Cause(ctx))
		}
		if !fault.Retryable(err) {
			return err
		}
		if after, _ := into.Seek(0, io.SeekEnd); after > before {
			try = 0
		}
		if try++; try > maxTries {
			return fault.Wrap(err, "given up after %d tries", try)
		}
		if err := i.wait(ctx, try); err != nil {
			return fault.New(fault.Unavailable, "the download was stopped").Because(err)
		}
	}
}

// once asks for what is missing, and writes it behind what is there.
func (i *Importer) once(ctx context.Context, c *http.Client, d storage.Download, into, note *os.File, tell func(done, total model.Bytes)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	have, err := into.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	m := readMark(note)
	if m.URL != d.URL || m.Mark == "" || m.Total == 0 {
		have = 0
	}
	if have > 0 && have == m.Total {
		tell(model.Bytes(have), model.Bytes(have))
		return nil
	}
	res, err := i.ask(ctx, c, d, have, m)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusOK { // from the beginning: it is new to us, or not what it was
		have = 0
	}
	total := have + res.ContentLength
	if res.ContentLength < 0 {
		total = 0
	}
	if model.Bytes(total) > d.Most {
		return fault.New(fault.Exhausted, "%s are more than %s, the most that is fetched", model.Bytes(total), d.Most).WithCode("HV-IMG-014")
	}
	if err := into.Truncate(have); err != nil {
		return err
	}
	if err := writeMark(note, mark{d.URL, strong(res.Header), total}); err != nil {
		return err
	}
	if _, err := into.Seek(have, io.SeekStart); err != nil {
		return err
	}
	idle := time.AfterFunc(stall, func() { stop(fault.New(fault.Unavailable, "nothing came for %s", stall)) })
	defer idle.Stop()
	w := &counting{w: into, done: have, tell: func(n int64) {
		idle.Reset(stall)
		tell(model.Bytes(n), model.Bytes(total))
	}}
	_, err = io.Copy(w, io.LimitReader(res.Body, int64(d.Most)-have+1))
	switch {
	case w.failed != nil:
		return w.failed
	case err != nil:
		return fault.New(fault.Unavailable, "the download broke off after %d bytes", w.done).Because(errors.Join(err, context.Cause(ctx)))
	case w.done > int64(d.Most):
		return fault.New(fault.Exhausted, "it is more than %s, the most that is fetched", d.Most).WithCode("HV-IMG-014")
	case total > 0 && w.done < total:
		return fault.New(fault.Unavailable, "the download broke off after %d of %d bytes", w.done, total)
	}
	return nil
}

// ask sends a request for what is missing.
func (i *Importer) ask(ctx context.Context, c *http.Client, d storage.Download, have int64, m mark) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%.200q is no URL", d.URL).Because(err)
	}
	req.Header.Set("User-Agent", "hyper-nixos")
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
		req.Header.Set("If-Range", m.Mark)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, unreached(err, req.URL)
	}
	switch {
	case res.StatusCode == http.StatusOK:
		return res, nil
	case res.StatusCode == http.StatusPartialContent && have > 0 && strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
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
		Try("look at the host's network, and at HTTPS_PROXY of hvd")
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

func readMark(f *os.File) mark {
	var m mark
	if f == nil {
		return m
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return m
	}
	if json.NewDecoder(io.LimitReader(f, 8<<10)).Decode(&m) != nil {
		return mark{}
	}
	return m
}

func writeMark(f *os.File, m mark) error {
	if f == nil {
		return nil
	}
	text, err := json.Marshal(m)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	return err
}

// counting tells how much was written, and which error was the disk's.
type counting struct {
	w      io.Writer
	done   int64
	failed error
	tell   func(int64)
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	c.failed = err
	c.tell(c.done)
	return n, err
}

// Text fetches a small file whole.
func (i *Importer) Text(ctx context.Context, d storage.Download) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	res, err := i.ask(ctx, i.client(d), d, 0, mark{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, int64(d.Most)+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the download of %s broke off", d.URL).Because(err)
	}
	if len(text) > int(d.Most) {
		return nil, fault.New(fault.Exhausted, "%s is more than %s", d.URL, d.Most).WithCode("HV-IMG-014")
	}
	return text, nil
}
