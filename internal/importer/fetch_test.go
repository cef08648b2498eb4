package importer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestMain(m *testing.M) {
	if os.Getenv(asFetcher) != "" {
		os.Exit(fetchAsChild())
	}
	goleak.VerifyTestMain(m)
}

var image = bytes.Repeat([]byte("hyper-nixos image "), 20000)

// rig is a server with a file, and what fetches from it.
type rig struct {
	*testing.T
	*Importer
	fetcher    *Fetcher
	server     *httptest.Server
	file, note *os.File
	ranges     []string
	cutAt      int // bytes after which the first answer breaks off; 0 for never
	etag       string
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, etag: `"one"`}
	r.server = httptest.NewTLSServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	var err error
	r.fetcher = NewFetcher()
	if r.Importer, err = New(Within(r.fetcher), ""); err != nil {
		t.Fatal(err)
	}
	r.fetcher.roots = &tls.Config{RootCAs: r.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs} //nolint:errcheck // httptest's
	r.wait = func(context.Context, int) error { return nil }
	for name, f := range map[string]**os.File{"file": &r.file, "note": &r.note} {
		if *f, err = os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*f).Close() })
	}
	return r
}

func (r *rig) serve(w http.ResponseWriter, req *http.Request) {
	switch req.URL.Path {
	case "/gone":
		http.NotFound(w, req)
		return
	case "/plain":
		http.Redirect(w, req, "http://127.0.0.1:1/image", http.StatusFound)
		return
	}
	r.ranges = append(r.ranges, req.Header.Get("Range"))
	w.Header().Set("ETag", r.etag)
	if r.cutAt > 0 {
		w.Header().Set("Content-Length", "360000")
		_, _ = w.Write(image[:r.cutAt])
		r.cutAt = 0
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, req, "image", time.Time{}, bytes.NewReader(image))
}

func (r *rig) fetch(path string, local bool) error {
	return r.Fetch(r.Context(), storage.Download{URL: r.server.URL + path, Local: local, Most: model.MiB}, r.file, r.note, func(model.Bytes, model.Bytes) {})
}

func (r *rig) holds(want []byte) {
	r.Helper()
	if got, err := os.ReadFile(r.file.Name()); err != nil || !bytes.Equal(got, want) {
		r.Errorf("%d bytes, not %d; %v", len(got), len(want), err)
	}
}

func TestADownloadGoesOnWhereItBrokeOff(t *testing.T) {
	r := newRig(t)
	r.cutAt = 100_000
	if err := r.fetch("/image", true); err != nil {
		t.Fatal(err)
	}
	r.holds(image)
	if len(r.ranges) != 2 || r.ranges[0] != "" || !strings.HasPrefix(r.ranges[1], "bytes=") {
		t.Errorf("asked for %q", r.ranges)
	}
	if err := r.fetch("/image", true); err != nil || len(r.ranges) != 2 {
		t.Errorf("what is there is fetched again: %q %v", r.ranges, err)
	}
}

func TestWhatHasChangedMeanwhileIsFetchedAnew(t *testing.T) {
	r := newRig(t)
	if _, err := r.file.Write(bytes.Repeat([]byte("x"), 5000)); err != nil {
		t.Fatal(err)
	}
	if err := writeMark(r.note, mark{r.server.URL + "/image", `"another"`, 360000}); err != nil {
		t.Fatal(err)
	}
	if err := r.fetch("/image", true); err != nil {
		t.Fatal(err)
	}
	r.holds(image)
	if r.ranges[0] != "bytes=5000-" {
		t.Errorf("asked for %q", r.ranges)
	}
}

func TestADownloadIsRefusedWhereItMayNotGo(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		path  string
		local bool
		kind  fault.Kind
		code  string
	}{
		"this host":           {"/image", false, fault.Denied, "HV-IMG-013"},
		"nothing there":       {"/gone", true, fault.NotFound, "HV-IMG-015"},
		"on to what is plain": {"/plain", true, fault.Denied, "HV-IMG-012"},
	} {
		if err := r.fetch(c.path, c.local); fault.KindOf(err) != c.kind || fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v (%v)", name, err, fault.KindOf(err))
		}
	}
	r.fetcher.roots = nil
	if err := r.fetch("/image", true); fault.KindOf(err) != fault.Denied || fault.CodeOf(err) != "HV-IMG-012" {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
}

func TestADownloadIsBoundedAndStops(t *testing.T) {
	r := newRig(t)
	d := storage.Download{URL: r.server.URL + "/image", Local: true, Most: 1000}
	if err := r.Fetch(t.Context(), d, r.file, r.note, func(model.Bytes, model.Bytes) {}); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("%v", err)
	}
	if _, err := r.Text(t.Context(), d); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.Most = model.MiB
	err := r.Fetch(ctx, d, r.file, r.note, func(model.Bytes, model.Bytes) { cancel() })
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAProxyIsWhereItListens(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:3128": "127.0.0.1:3128", "http://127.0.0.1": "127.0.0.1:80", "https://[::1]": "[::1]:443", "socks5://127.0.0.1": "127.0.0.1:1080",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := proxiesOf(func(*http.Request) (*url.URL, error) { return u, nil })
		if len(got) != 1 || !got[netip.MustParseAddrPort(want)] {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestTheGuardLooksAtTheAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:80": false, "[::1]:443": false, "169.254.169.254:80": false, "[fe80::1]:80": false, "0.0.0.0:80": false, "[::ffff:127.0.0.1]:80": false,
		"224.0.0.1:80": false, "[fd00:ec2::254]:80": false, "[fd00:ec2::253]:80": true, "10.0.0.8:80": true, "192.0.2.1:443": true, "[2001:db8::1]:443": true,
	} {
		if err := guard(false, nil)("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if err := guard(true, nil)("tcp", address, nil); err != nil {
			t.Errorf("root, %s: %v", address, err)
		}
		at := netip.MustParseAddrPort(address)
		at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
		if err := guard(false, map[netip.AddrPort]bool{at: true})("tcp", address, nil); err != nil {
			t.Errorf("a proxy at %s: %v", address, err)
		}
		beside := netip.AddrPortFrom(at.Addr(), at.Port()+1)
		if err := guard(false, map[netip.AddrPort]bool{beside: true})("tcp", address, nil); (err == nil) != ok {
			t.Errorf("beside a proxy, %s: %v", address, err)
		}
	}
}

func TestAMirrorStandsBeforeEveryHost(t *testing.T) {
	i, err := New(nil, "http://127.0.0.1:8000/mirror/")
	if err != nil {
		t.Fatal(err)
	}
	if got := i.Mirrored("https://cloud.debian.org/images/a.qcow2"); got != "http://127.0.0.1:8000/mirror/cloud.debian.org/images/a.qcow2" {
		t.Error(got)
	}
	if _, err := New(nil, "mirror"); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestTheSumOfAFileIsFoundInEveryShape(t *testing.T) {
	a, b, long := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 128)
	for name, c := range map[string]struct {
		text, want string
		ok         bool
	}{
		"GNU":        {a + "  other\n" + b + "  d.qcow2\n", b, true},
		"binary":     {b + " *d.qcow2\n", b, true},
		"BSD":        {"# Fedora\nSHA256 (d.qcow2) = " + b + "\n", b, true},
		"the longer": {b + "  d.qcow2\n" + long + "  d.qcow2\n", long, true},
		"in a path":  {b + "  ./20240101/d.qcow2\n", b, true},
		"bare":       {strings.ToUpper(b) + "\n", b, true},
		"signed":     {"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSHA256 (d.qcow2) = " + b + "\n-----BEGIN PGP SIGNATURE-----\n", b, true},
		"two":        {a + "  d.qcow2\n" + b + "  d.qcow2\n", "", false},
		"another":    {a + "  d.qcow2.xz\n", "", false},
		"a page":     {"<html>", "", false},
		"nothing":    {"", "", false},
	} {
		if got, err := SumOf([]byte(c.text), "d.qcow2"); got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func FuzzSums(f *testing.F) {
	f.Add([]byte("SHA256 (d) = "+strings.Repeat("b", 64)), "d")
	f.Fuzz(func(t *testing.T, sums []byte, file string) {
		if sum, err := SumOf(sums, file); err == nil && len(sum) != 64 && len(sum) != 128 {
			t.Errorf("%q", sum)
		}
	})
}
