//go:build linux

package reconcile_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// publisher is a simplestreams tree with one image.
type publisher struct {
	content atomic.Pointer[[]byte]
	version atomic.Value
	fetched atomic.Int32
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content := *p.content.Load()
	switch r.URL.Path {
	case "/streams/v1/index.json":
		_, _ = w.Write([]byte(`{"format":"index:1.0","index":{"images":{"datatype":"image-downloads","path":"streams/v1/images.json"}}}`))
	case "/streams/v1/images.json":
		sum := sha256.Sum256(content)
		_, _ = fmt.Fprintf(w, `{"format":"products:1.0","products":{"web:1:amd64":{"aliases":"web/1","arch":"amd64","os":"Web","versions":{%q:{"items":{"d":{"ftype":"disk-kvm.img","path":"web.raw","sha256":%q}}}}}}}`,
			p.version.Load(), hex.EncodeToString(sum[:]))
	case "/web.raw":
		p.fetched.Add(1)
		_, _ = w.Write(content)
	default:
		http.NotFound(w, r)
	}
}

func (p *publisher) publish(version, mark string) {
	b := bootable()
	copy(b[2<<20:], mark)
	p.content.Store(&b)
	p.version.Store(version)
}

// An image of a source is updated: nothing is fetched while nothing is newer; a newer one takes the name, the older stays
// while a volume stands on it, and goes after it.
func TestAnImageOfASourceIsUpdatedUnderWhatStandsOnIt(t *testing.T) {
	needImages(t)
	var p publisher
	p.publish("20261101", "one")
	server := httptest.NewServer(&p)
	defer server.Close()
	h := fakehost.New(t)
	d := h.Start()
	ctx := t.Context()
	_, err := d.Actions.AddImageSource(ctx, fakehost.Root, wire.AddImageIndex{Name: "ours", IndexSpec: storage.IndexSpec{
		Kind: storage.SimpleStreams, URL: server.URL + "/", Insecure: true, Local: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	spec := storage.ImageSpec{Arch: "x86_64", Source: storage.ImageSource{Listed: "ours:web/1", Index: &storage.IndexSpec{URL: "https://elsewhere.example/"}}}
	d.Did(d.Actions.ImportImage(ctx, fakehost.Member, "default", wire.ImportImage{Name: "web", ImageSpec: spec}))
	first, err := d.View.Image(ctx, fakehost.Ref("web"))
	if err != nil || first.Status.Version != "20261101" || first.Status.URL != server.URL+"/web.raw" || first.Spec.Source.Index.URL != server.URL+"/" {
		t.Fatalf("%+v %v", first, err)
	}
	d.Did(d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "root", VolumeSpec: storage.VolumeSpec{Image: "web"}}))

	d.Did(d.Actions.UpdateImage(ctx, fakehost.Member, fakehost.Ref("web"), false))
	if same, err := d.View.Image(ctx, fakehost.Ref("web")); err != nil || same.Metadata.UID != first.Metadata.UID || p.fetched.Load() != 1 {
		t.Errorf("nothing is newer: %+v, fetched %d times, %v", same, p.fetched.Load(), err)
	}

	p.publish("20261128", "two")
	d.Did(d.Actions.UpdateImage(ctx, fakehost.Member, fakehost.Ref("web"), false))
	second, err := d.View.Image(ctx, fakehost.Ref("web"))
	if err != nil || second.Metadata.UID == first.Metadata.UID || second.Status.Version != "20261128" || !second.Status.Ready {
		t.Fatalf("%+v %v", second, err)
	}
	// An older list, signed or not, that is played again.
	p.publish("20261101", "one")
	res, err := d.Actions.UpdateImage(ctx, fakehost.Member, fakehost.Ref("web"), false)
	if err != nil {
		t.Fatal(err)
	}
	if op := d.Ended(*res.Operation); op.Error == nil || op.Error.Code != "HV-IMG-038" {
		t.Errorf("an old list is taken: %+v", op)
	}
	if now, err := d.View.Image(ctx, fakehost.Ref("web")); err != nil || now.Metadata.UID != second.Metadata.UID {
		t.Errorf("%+v %v", now, err)
	}
	p.publish("20261128", "two")
	kept := "web-" + first.Metadata.UID[:8]
	old, err := d.View.Image(ctx, fakehost.Ref(kept))
	if err != nil || old.Metadata.UID != first.Metadata.UID || old.Status.Version != "20261101" || len(old.UsedBy) != 1 {
		t.Errorf("%+v %v", old, err)
	}
	if _, err := d.View.Image(ctx, fakehost.Ref("web-next")); err == nil {
		t.Error("the name under which it was made is left")
	}
	if _, err := d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "more", VolumeSpec: storage.VolumeSpec{Image: kept}}); fault.CodeOf(err) != "HV-IMG-021" {
		t.Errorf("a volume of what is on its way out: %v", err)
	}
	d.Did(d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "more", VolumeSpec: storage.VolumeSpec{Image: "web"}}))

	// The next daemon finds it as it is, and takes it away once nothing stands on it.
	d.Did(d.Actions.DeleteVolume(ctx, fakehost.Member, fakehost.Ref("root"), true))
	d.Stop()
	d = h.Start()
	d.Until("the old one to go", func() bool { _, err := d.View.Image(ctx, fakehost.Ref(kept)); return err != nil })
	if i, err := d.View.Image(ctx, fakehost.Ref("web")); err != nil || !i.Status.Ready {
		t.Errorf("%+v %v", i, err)
	}
}

func TestWhatIsNotUpdatedAndWhy(t *testing.T) {
	needImages(t)
	var p publisher
	p.publish("1", "one")
	server := httptest.NewServer(&p)
	defer server.Close()
	d := fakehost.New(t).Start()
	ctx := t.Context()
	d.Done(upload(t, d, "sent", bootable()))
	sum := sha256.Sum256(*p.content.Load())
	url := storage.ImageSource{URL: server.URL + "/web.raw", SHA256: hex.EncodeToString(sum[:])}
	res, err := d.Actions.ImportImage(ctx, fakehost.Root, "default", wire.ImportImage{Name: "pinned", ImageSpec: storage.ImageSpec{Source: url}})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	for name, code := range map[string]string{"sent": "HV-IMG-032", "pinned": "HV-IMG-032", "none": "HV-IMG-021"} {
		if _, err := d.Actions.UpdateImage(ctx, fakehost.Member, fakehost.Ref(name), false); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", name, err)
		}
	}
	for listed, code := range map[string]string{"ours:web": "HV-IMG-030", "nonsense": ""} {
		_, err := d.Actions.ImportImage(ctx, fakehost.Member, "default", wire.ImportImage{Name: "x", ImageSpec: storage.ImageSpec{Source: storage.ImageSource{Listed: listed}}})
		if err == nil || fault.CodeOf(err) != code {
			t.Errorf("%s: %v", listed, err)
		}
	}
	_, err = d.Actions.AddImageSource(ctx, fakehost.Root, wire.AddImageIndex{Name: "plain", IndexSpec: storage.IndexSpec{Kind: storage.PlainIndex, URL: "http://images.example.org/"}})
	if fault.CodeOf(err) != "HV-IMG-012" || !strings.Contains(fault.HintOf(err), "--insecure-http") {
		t.Errorf("a source without encryption: %v", err)
	}
}
