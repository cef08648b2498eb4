package action

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func testUID(n int) string { return fmt.Sprintf("6d3ce1b6-2a1e-4ad9-a13e-%012d", n) }

// noted puts a note of any object onto the default pool.
func (d *desk) noted(kind, uid string, object any) {
	d.t.Helper()
	text, err := json.Marshal(object)
	d.must(err)
	d.must(d.pool.PutNote(d.t.Context(), storage.DefaultPool, uid, storage.Note{Kind: kind, Object: text}))
}

// lost is a volume whose content lies on the default pool.
func (d *desk) lost(n int, name string) storage.Volume {
	d.t.Helper()
	v := storage.Volume{
		Metadata: model.Metadata{Name: name, Project: "default", UID: testUID(n), Generation: 1},
		Spec:     storage.VolumeSpec{Pool: storage.DefaultPool, Format: storage.Raw, Size: model.MiB}, File: storage.VolumeFile(testUID(n), storage.Raw),
	}
	d.must(d.pool.Create(d.t.Context(), v))
	return v
}

// recovered rebuilds, and returns what was said.
func (d *desk) recovered() string {
	d.t.Helper()
	res, err := d.RecoverStorage(d.t.Context(), dry(root))
	d.must(err)
	_, err = d.RecoverStorage(d.t.Context(), root)
	d.must(err)
	var said []string
	for _, f := range res.Preview.Findings {
		said = append(said, f.What)
	}
	return strings.Join(said, "\n")
}

// Whoever could write to a pool could write its notes.
func TestWhatANoteSaysOfAVolumeIsNotTrusted(t *testing.T) {
	d := newDesk(t)
	d.must(d.volumeIn("default", "mine", model.MiB))
	mine, _, err := d.Actions.volume(t.Context(), "default", "mine")
	d.must(err)
	d.must(d.pool.Create(t.Context(), mine))
	for i, c := range []struct {
		name, kind, want string
		change           func(*storage.Volume)
	}{
		{"a-vm", "vm", "only pools, images and volumes", func(*storage.Volume) {}},
		{"sizeless", "volume", "needs a size", func(v *storage.Volume) { v.Spec.Size = 0 }},
		{"elsewhere", "volume", `note lies in pool "default"`, func(v *storage.Volume) { v.Spec.Pool = "fast" }},
		{"no-project", "volume", "in no project", func(v *storage.Volume) { v.Project = store.HostWide }},
		{"another-head", "volume", "not that of its head", func(v *storage.Volume) { v.File = mine.File; v.Layers = []storage.Layer{{ID: v.UID}} }},
		{"not-its-own", "volume", "is another's", func(v *storage.Volume) { v.File = mine.File }},
		{"on-what-is-written", "volume", "is another's", func(v *storage.Volume) { *v = v.On([]storage.Layer{mine.Head(), v.Head()}) }},
	} {
		v := d.lost(i+1, c.name)
		c.change(&v)
		d.noted(c.kind, v.UID, v) // it names no files: they are those that it consists of
		if said := d.recovered(); !strings.Contains(said, c.name+" is not rebuilt") || !strings.Contains(said, c.want) {
			t.Errorf("%s: it is said %q", c.name, said)
		}
		if d.has(store.SpecKey(store.Ref{Kind: c.kind, Project: v.Project, Name: c.name})) {
			t.Errorf("%s was rebuilt", c.name)
		}
		d.must(d.pool.DropNote(t.Context(), "default", v.UID))
	}
}

func TestOfTwoNotesThatNameOneFileOneIsRebuilt(t *testing.T) {
	d := newDesk(t)
	one := d.lost(1, "one")
	two := one
	two.Name, two.UID = "two", testUID(2)
	d.noted("volume", one.UID, one)
	d.noted("volume", two.UID, two)
	if said := d.recovered(); !strings.Contains(said, "volume two is not rebuilt") || !d.has(volumeKey("default", "one")) || d.has(volumeKey("default", "two")) {
		t.Errorf("it is said %q", said)
	}
}

func TestWhatWentOnDoesNotGoOnInWhatIsRebuiltAndClonesShareTheirBase(t *testing.T) {
	d := newDesk(t)
	base := d.lost(1, "base")
	base.Frozen, base.Copiers, base.Moving, base.Leaving = true, []string{"copy"}, &storage.Moving{}, []storage.Layer{base.Head()}
	until := time.Unix(1, 0)
	base.KeepUntil, base.Source = &until, &storage.Source{}
	clone := d.lost(2, "clone")
	clone = clone.On([]storage.Layer{base.Head(), clone.Head()})
	d.noted("volume", base.UID, base)
	d.noted("volume", clone.UID, clone)
	said := d.recovered()
	v, _, err := d.Actions.volume(t.Context(), "default", "base")
	if err != nil || v.Copiers != nil || v.Moving != nil || v.Leaving != nil || v.KeepUntil != nil || v.Source != nil || !v.Frozen {
		t.Errorf("%+v, %v", v, err)
	}
	if !d.has(volumeKey("default", "clone")) {
		t.Errorf("the clone is lost: %s", said)
	}
}

func TestAPoolInThePlaceOfAnotherIsToldAndNotRebuilt(t *testing.T) {
	d := newDesk(t)
	path := d.makePool("fast")
	for i, at := range []string{path, filepath.Join(path, "below")} {
		p := storage.Pool{Metadata: model.Metadata{Name: fmt.Sprintf("old%d", i), Project: store.HostWide, UID: testUID(i + 1)}, Spec: storage.PoolSpec{Path: at}}
		d.noted("pool", p.UID, p)
	}
	said := d.recovered()
	for _, name := range []string{"old0", "old1"} {
		if !strings.Contains(said, "pool "+name+" is not rebuilt") || d.has(poolKey(name)) {
			t.Errorf("%s: it is said %q", name, said)
		}
	}
	if _, err := d.Pools.Can("fast"); err != nil {
		t.Errorf("the other one is not open: %v", err)
	}
}
