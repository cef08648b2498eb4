package importer

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

const (
	streamsIndex = `{"format":"index:1.0","index":{
		"images":{"datatype":"image-downloads","path":"streams/v1/images.json","products":["a"]},
		"ids":{"datatype":"image-ids","path":"streams/v1/ids.json"}}}`
	streamsProducts = `{"format":"products:1.0","products":{
		"debian:12:amd64:cloud":{"aliases":"debian/12/cloud,debian/bookworm/cloud","arch":"amd64","os":"Debian","release":"bookworm","release_title":"bookworm","versions":{
			"20261101_05:24":{"items":{"disk.qcow2":{"ftype":"disk-kvm.img","path":"images/debian/old.qcow2","sha256":"00","size":10}}},
			"20261128_05:24":{"items":{
				"root.tar.xz":{"ftype":"root.tar.xz","path":"images/debian/root.tar.xz","sha256":"11","size":5},
				"disk.qcow2":{"ftype":"disk-kvm.img","path":"images/debian/disk.qcow2","sha256":"AB","size":20}}},
			"20261129_05:24":{"items":{"root.tar.xz":{"ftype":"root.tar.xz","path":"images/debian/later.tar.xz"}}}}},
		"com.ubuntu.cloud:server:24.04:arm64":{"aliases":"24.04,noble","arch":"arm64","os":"ubuntu","release":"noble","release_title":"24.04 LTS","version":"24.04","versions":{
			"20261001":{"items":{"disk1.img":{"ftype":"disk1.img","path":"server/noble.img","sha256":"cd"},"vmdk":{"ftype":"vmdk","path":"server/noble.vmdk"}}}}},
		"containers:only":{"arch":"amd64","versions":{"1":{"items":{"squashfs":{"ftype":"squashfs","path":"x"}}}}}}}`
)

func TestWhatSimplestreamsLists(t *testing.T) {
	paths, err := StreamPaths([]byte(streamsIndex))
	if err != nil || !cmp.Equal(paths, []string{"streams/v1/images.json"}) {
		t.Fatalf("%q %v", paths, err)
	}
	got, err := StreamOffers([]byte(streamsProducts))
	want := []storage.Offer{
		{Name: "24.04", Aliases: []string{"noble", "com.ubuntu.cloud:server:24.04:arm64"}, Title: "ubuntu 24.04 LTS", OS: "ubuntu", Release: "24.04", Arch: "aarch64",
			Version: "20261001", Kind: storage.DiskImage, URL: "server/noble.img", SHA256: "cd"},
		{Name: "debian/12/cloud", Aliases: []string{"debian/bookworm/cloud", "debian:12:amd64:cloud"}, Title: "Debian bookworm", OS: "debian", Release: "bookworm", Arch: "x86_64",
			Version: "20261128_05:24", Kind: storage.DiskImage, Size: 20, URL: "images/debian/disk.qcow2", SHA256: "ab", CloudInit: true},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestWhatAPlainIndexLists(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	got := SumOffers([]byte(sum + "  web-1.0-amd64.qcow2.xz\n" + sum + "  README\nSHA256 (installer.iso) = " + sum + "\n"))
	if diff := cmp.Diff([]storage.Offer{
		{Name: "web-1.0-amd64", Arch: "x86_64", Kind: storage.DiskImage, URL: "web-1.0-amd64.qcow2.xz", SHA256: sum},
		{Name: "installer", Kind: storage.ISOImage, URL: "installer.iso", SHA256: sum},
	}, got); diff != "" {
		t.Error(diff)
	}
	got = PageOffers([]byte(`<a href="../">up</a><A HREF='./web%201.qcow2'>web</A> <a href="web%201.qcow2">again</a><a href="https://elsewhere.example/x.iso">x</a><a href="/etc/x.img">x</a>`))
	if diff := cmp.Diff([]storage.Offer{{Name: "web 1", Kind: storage.DiskImage, URL: "web%201.qcow2"}}, got); diff != "" {
		t.Error(diff)
	}
	got, err := JSONOffers([]byte(`{"images":[{"url":"a/web.raw.zst","sha512":"AB","version":"7","arch":"arm64"},{"name":"cd","url":"cd.iso"}]}`))
	if diff := cmp.Diff([]storage.Offer{
		{Name: "web", Kind: storage.DiskImage, URL: "a/web.raw.zst", SHA512: "ab", Version: "7", Arch: "aarch64"},
		{Name: "cd", Kind: storage.ISOImage, URL: "cd.iso"},
	}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range []string{`[]`, `{"images":[{}]}`, `{"images":`} {
		if _, err := JSONOffers([]byte(bad)); fault.CodeOf(err) != "HV-IMG-028" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// A list says where its own files lie, and nothing else's.
func TestAListReachesNowhereElse(t *testing.T) {
	for path, ok := range map[string]bool{
		"images/a.qcow2": true, "a": true, "../a": false, "images/../../a": false, "/a": false, "https://169.254.169.254/a": false, "//host/a": false,
		"": false, ".": false, "a?b": false, "%2e%2e/a": false,
	} {
		if at, err := below("https://images.example.org/x/", path); (err == nil) != ok || ok && !strings.HasPrefix(at, "https://images.example.org/x/") {
			t.Errorf("%q: %q %v", path, at, err)
		}
	}
}

func TestASourceIsAskedAndRemembered(t *testing.T) {
	var asked atomic.Int32
	files := map[string]string{
		"/s/streams/v1/index.json": streamsIndex, "/s/streams/v1/images.json": streamsProducts,
		"/p/SHA256SUMS": strings.Repeat("ab", 32) + "  web.qcow2\n", "/l/": `<a href="web.img">`, "/j/all.json": `{"images":[{"url":"web.img"}]}`,
		"/bad/streams/v1/index.json": `{}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if text, ok := files[r.URL.Path]; ok {
			_, _ = w.Write([]byte(text))
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	i, err := New(Within(NewFetcher()), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind storage.IndexKind
		path string
		urls []string
	}{
		"simplestreams":    {storage.SimpleStreams, "/s/", []string{"/s/server/noble.img", "/s/images/debian/disk.qcow2"}},
		"its index itself": {storage.SimpleStreams, "/s/streams/v1/index.json", []string{"/s/server/noble.img", "/s/images/debian/disk.qcow2"}},
		"a file of sums":   {storage.PlainIndex, "/p", []string{"/p/web.qcow2"}},
		"a page":           {storage.PlainIndex, "/l/", []string{"/l/web.img"}},
		"a JSON file":      {storage.PlainIndex, "/j/all.json", []string{"/j/web.img"}},
	} {
		s := storage.IndexSpec{Kind: c.kind, URL: server.URL + c.path, Local: true, Insecure: true}
		offers, signed, err := i.Offers(t.Context(), s, false)
		var urls []string
		for _, o := range offers {
			urls = append(urls, strings.TrimPrefix(o.URL, server.URL))
		}
		if err != nil || !cmp.Equal(urls, c.urls) || !strings.HasPrefix(signed, "not checked") {
			t.Errorf("%s: %q %q %v", name, urls, signed, err)
		}
		before := asked.Load()
		if _, _, err := i.Offers(t.Context(), s, false); err != nil || asked.Load() != before {
			t.Errorf("%s: it is asked again (%v)", name, err)
		}
		if _, _, err := i.Offers(t.Context(), s, true); err != nil || asked.Load() == before {
			t.Errorf("%s: it is not asked again (%v)", name, err)
		}
	}
	for path, code := range map[string]string{"/bad": "HV-IMG-028", "/none": "HV-IMG-015"} {
		if _, _, err := i.Offers(t.Context(), storage.IndexSpec{Kind: storage.SimpleStreams, URL: server.URL + path, Local: true}, false); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzSimplestreams(f *testing.F) {
	f.Add([]byte(streamsIndex))
	f.Add([]byte(streamsProducts))
	f.Fuzz(func(t *testing.T, text []byte) {
		if paths, err := StreamPaths(text); err == nil && (len(paths) == 0 || len(paths) > mostPaths) {
			t.Errorf("%d paths", len(paths))
		}
		held(t, func() ([]storage.Offer, error) { return StreamOffers(text) })
	})
}

func FuzzAPlainIndex(f *testing.F) {
	f.Add([]byte(`{"images":[{"url":"a/web.raw.zst","sha512":"AB"}]}`))
	f.Add([]byte(strings.Repeat("ab", 32) + "  web.qcow2\n"))
	f.Add([]byte(`<a href="web%201.qcow2">`))
	f.Fuzz(func(t *testing.T, text []byte) {
		held(t, func() ([]storage.Offer, error) { return JSONOffers(text) })
		held(t, func() ([]storage.Offer, error) { return SumOffers(text), nil })
		held(t, func() ([]storage.Offer, error) { return PageOffers(text), nil })
	})
}

// held holds what was read against what every reader promises: a name, a bound, and no place but below the list.
func held(t *testing.T, read func() ([]storage.Offer, error)) {
	t.Helper()
	all, err := read()
	if err != nil {
		return
	}
	if len(all) > storage.MostOffers {
		t.Errorf("%d offers", len(all))
	}
	for _, o := range all {
		if o.Name == "" || o.Size < 0 {
			t.Errorf("%+v", o)
		}
		if at, err := below("https://images.example.org/x/", o.URL); err == nil && !strings.HasPrefix(at, "https://images.example.org/x/") {
			t.Errorf("%q leads to %q", o.URL, at)
		}
	}
}

// What a file is called is not read as an address, and an escape is taken apart once: one that was escaped twice led out of the folder.
func TestAFileIsFetchedByTheNameThatItsListHas(t *testing.T) {
	const base = "https://images.example.org/x/"
	for path, want := range map[string]string{
		"b%2Bc%20d.img": "b%2Bc%20d.img", "100%25.img": "100%25.img", "%252e%252e/%252e%252e/a.img": "%252e%252e/%252e%252e/a.img",
	} {
		if at, err := below(base, path); err != nil || at != base+want {
			t.Errorf("%s: %s, %v", path, at, err)
		}
	}
	sum := strings.Repeat("0", 64)
	offers, _, err := placed(SumOffers([]byte(sum+"  100%.img\n"+sum+"  a:b.img\n"+sum+"  what?.img\n")), base, "", nil)
	if err != nil || len(offers) != 3 || offers[0].URL != base+"100%25.img" || offers[1].URL != base+"a:b.img" || offers[2].URL != base+"what%3F.img" {
		t.Errorf("%v, %v", offers, err)
	}
}
