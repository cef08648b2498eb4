package action

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// sourced declares image sources.
func (d *desk) sourced(call Call, sources string) (Result, error) {
	return d.ApplyConfig(d.t.Context(), call, d.declare(`{"hypervisor":{"storage":{"images":{"sources":{`+sources+`}}}}}`))
}

func TestDeclaredImageSourcesAreMadeTakenOverAndKept(t *testing.T) {
	d := newDesk(t)
	const ours, streams = "https://images.example.org/vm/", "https://images.example.org/streams/"
	_, err := d.AddImageSource(t.Context(), root, wire.AddImageIndex{Name: "mine", IndexSpec: storage.IndexSpec{URL: ours}})
	d.must(err)
	made, _, err := d.imageSource(t.Context(), "mine")
	d.must(err)
	if made.Spec.Kind != storage.PlainIndex {
		t.Errorf("%+v", made.Spec)
	}
	both := `"mine":{"url":"` + ours + `"},"theirs":{"kind":"simplestreams","url":"` + streams + `","local":true}`
	res, err := d.sourced(dry(root), both)
	d.must(err)
	want := []wire.PlannedImageSource{
		{Name: "mine", Becomes: wire.Changed, Kind: storage.PlainIndex, URL: ours}, {Name: "theirs", Becomes: wire.Created, Kind: storage.SimpleStreams, URL: streams},
	}
	if s := res.Preview.Config.Sources; len(s) != 2 || s[0] != want[0] || s[1] != want[1] || d.has(sourceKey("theirs")) {
		t.Errorf("%+v", s)
	}
	_, err = d.sourced(root, both)
	d.must(err)
	if s, _, _ := d.imageSource(t.Context(), "mine"); s.Origin != model.Declared || s.UID != made.UID {
		t.Errorf("it was not taken over: %+v", s)
	}
	s, kv, err := d.imageSource(t.Context(), "theirs")
	d.must(err)
	if s.Origin != model.Declared || s.UID == "" || s.Project != store.HostWide || !s.Spec.Local {
		t.Errorf("%+v", s)
	}
	_, err = d.RemoveImageSource(t.Context(), root, "theirs")
	told(t, err, fault.Denied, "stands in the host's declaration (hv.json:1:", "take it out there", "HV-IMG-040")
	_, err = d.sourced(root, both) // the same again
	d.must(err)
	if _, again, _ := d.imageSource(t.Context(), "theirs"); again.ModRevision != kv.ModRevision {
		t.Error("it was written again")
	}

	_, err = d.sourced(root, `"mine":{"url":"`+streams+`"}`)
	d.must(err)
	if s, _, _ := d.imageSource(t.Context(), "mine"); s.Spec.URL != streams || s.Generation != 3 {
		t.Errorf("%+v", s)
	}
	if s, _, err := d.imageSource(t.Context(), "theirs"); err != nil || s.Origin != model.Manual || s.Spec.URL != streams {
		t.Errorf("a source that is declared no more is kept: %+v, %v", s, err)
	}
	_, err = d.RemoveImageSource(t.Context(), root, "theirs")
	d.must(err)
	if d.has(sourceKey("theirs")) {
		t.Error("it is still there")
	}
}

func TestADeclaredImageSourceThatCannotBeOneIsRefusedAndWrittenNowhere(t *testing.T) {
	d := newDesk(t)
	_, err := d.sourced(root, `"clear":{"url":"http://images.example.org/"},"good":{"url":"https://images.example.org/"}`)
	told(t, err, fault.Invalid, "is not encrypted")
	if d.has(sourceKey("good")) || d.has(sourceKey("clear")) {
		t.Error("a refused declaration was written in part")
	}
	_, err = d.sourced(member, `"good":{"url":"https://images.example.org/"}`)
	told(t, err, fault.Denied)
}

func TestAnImageSourceThatChangesWhileADeclarationIsPlannedIsLookedAtAnew(t *testing.T) {
	d := newDesk(t)
	mine := wire.AddImageIndex{Name: "mine", IndexSpec: storage.IndexSpec{URL: "https://images.example.org/"}}
	decl, err := config.Decode(d.declare(`{"hypervisor":{"storage":{"images":{"sources":{"mine":{"url":"https://images.example.org/vm/"}}}}}}`))
	d.must(err)
	for _, meanwhile := range []func() (Result, error){
		func() (Result, error) { return d.AddImageSource(t.Context(), root, mine) },
		func() (Result, error) { return d.RemoveImageSource(t.Context(), root, "mine") },
	} {
		var p planned
		d.must(d.planSources(t.Context(), &p, decl))
		_, err = meanwhile()
		d.must(err)
		c := &change{}
		d.must(d.putSources(c, p))
		if done, err := d.Store.Commit(t.Context(), c.txn); err == nil {
			t.Errorf("it was written over: %+v", done)
		}
	}
}
