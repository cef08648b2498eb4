package action

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// place is a folder in which a pool may be.
func (d *desk) place(name string) string {
	d.t.Helper()
	base, err := filepath.EvalSymlinks(d.t.TempDir())
	d.must(err)
	return filepath.Join(base, name)
}

func (d *desk) makePool(name string) string {
	d.t.Helper()
	spec := storage.PoolSpec{Path: d.place(name)}
	_, err := d.CreatePool(d.t.Context(), root, wire.CreatePool{Name: name, PoolSpec: spec})
	d.must(err)
	return spec.Path
}

func (d *desk) volumeIn(pool, name string, size model.Bytes) error {
	_, err := d.CreateVolume(d.t.Context(), member, "default", wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Pool: pool, Size: size}})
	return err
}

func TestAPoolIsOpenBeforeItExists(t *testing.T) {
	d := newDesk(t)
	path := d.makePool("fast")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	d.must(d.volumeIn("fast", "data", model.MiB))

	bad := wire.CreatePool{Name: "bad", PoolSpec: storage.PoolSpec{Path: filepath.Join(d.place("none"), "below")}}
	_, err := d.CreatePool(t.Context(), root, bad)
	told(t, err, fault.NotFound, "bad", "no such file")
	if d.has(poolKey("bad")) {
		t.Error("it exists all the same")
	}
	if _, err := d.Pools.Can("bad"); fault.CodeOf(err) != "HV-POOL-001" {
		t.Errorf("it is known all the same: %v", err)
	}
	_, err = d.CreatePool(t.Context(), member, wire.CreatePool{Name: "mine", PoolSpec: storage.PoolSpec{Path: d.place("mine")}})
	told(t, err, fault.Denied)
}

func TestNoPoolIsInAnother(t *testing.T) {
	d := newDesk(t)
	path := d.makePool("fast")
	for name, body := range map[string]wire.CreatePool{
		"the same":  {Name: "again", PoolSpec: storage.PoolSpec{Path: path}},
		"inside":    {Name: "again", PoolSpec: storage.PoolSpec{Path: filepath.Join(path, "below")}},
		"its name":  {Name: "fast", PoolSpec: storage.PoolSpec{Path: d.place("other")}},
		"default's": {Name: storage.DefaultPool},
	} {
		if _, err := d.CreatePool(t.Context(), root, body); fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPoolThatKeepsVolumesIsNotLetGoOf(t *testing.T) {
	d := newDesk(t)
	d.makePool("fast")
	d.must(d.volumeIn("fast", "data", model.MiB))
	_, err := d.DeletePool(t.Context(), root, "fast")
	told(t, err, fault.Conflict, "volume data")
	_, err = d.DeletePool(t.Context(), root, storage.DefaultPool)
	told(t, err, fault.Conflict, "always there")

	d.makePool("spare")
	_, err = d.DeletePool(t.Context(), root, "spare")
	d.must(err)
	if err := d.volumeIn("spare", "late", model.MiB); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a volume was made in it: %v", err)
	}
}

func TestAPoolIsEditedAndStaysWhereItIs(t *testing.T) {
	d := newDesk(t)
	d.makePool("fast")
	_, err := d.EditPool(t.Context(), root, "fast", json.RawMessage(`{"warnPercent":50,"labels":{"tier":"one"}}`))
	d.must(err)
	p, _, err := d.Actions.pool(t.Context(), "fast")
	d.must(err)
	if p.Spec.WarnPercent != 50 || p.Labels["tier"] != "one" || p.Generation != 2 {
		t.Errorf("%+v", p)
	}
	for patch, want := range map[string]string{
		`{"path":"/srv/elsewhere"}`: "stays there", `{"warnPercent":200}`: "between 1 and 100", `{"wram":1}`: "does not fit", `[]`: "is an object", `{`: "not JSON",
	} {
		if _, err := d.EditPool(t.Context(), root, "fast", json.RawMessage(patch)); err == nil || !strings.Contains(everything(err), want) {
			t.Errorf("%s: %v", patch, err)
		}
	}
	_, err = d.EditPool(t.Context(), root, storage.DefaultPool, json.RawMessage(`{"stopPercent":90}`))
	d.must(err)
	if p, _, err := d.Actions.pool(t.Context(), storage.DefaultPool); err != nil || p.UID == "" || p.Spec.StopPercent != 90 {
		t.Errorf("%+v, %v", p, err)
	}
}

// The pool here is the file system of the test, which is fuller than one percent and emptier than a hundred.
func TestNothingIsMadeInAPoolThatIsFullUpToItsWatermark(t *testing.T) {
	d := newDesk(t)
	d.makePool("full")
	d.must(d.volumeIn("full", "large", model.GiB))
	v, _, err := d.Actions.volume(t.Context(), "default", "large")
	d.must(err)
	d.must(d.pool.Create(t.Context(), v))
	f, err := d.pool.Open(t.Context(), "full", v.File, false)
	d.must(err)
	_, err = f.WriteAt([]byte(strings.Repeat("x", 1<<20)), 0)
	d.must(err)
	d.must(f.Close())
	_, err = d.EditPool(t.Context(), root, "full", json.RawMessage(`{"warnPercent":1,"stopPercent":1}`))
	d.must(err)
	err = d.volumeIn("full", "more", model.MiB)
	told(t, err, fault.Exhausted, "full", "nothing new is made from 1 % on", "volume large (1MiB)")
	if fault.CodeOf(err) != "HV-POOL-005" {
		t.Errorf("its code is %s", fault.CodeOf(err))
	}
	_, err = d.CloneVolume(t.Context(), member, ref("large"), wire.CloneVolume{Name: "copy", Linked: true})
	told(t, err, fault.Exhausted, "cannot clone", "full")
	_, err = d.ImportVolume(t.Context(), member, "default", wire.CreateVolume{Name: "more", VolumeSpec: storage.VolumeSpec{Pool: "full", Format: storage.Raw}}, 512, strings.NewReader(strings.Repeat("x", 512)))
	told(t, err, fault.Exhausted)
}

func TestNoImageIsTakenIntoAPoolThatIsFullUpToItsWatermark(t *testing.T) {
	d := newDesk(t) // without a library: what was read of an upload would be a panic
	huge := 900 * model.GiB
	room, err := d.pool.Room(t.Context(), storage.DefaultPool)
	d.must(err)
	if room.Free < huge {
		_, err = d.UploadImage(t.Context(), member, wire.ImportImage{Name: "huge"}, "default", huge, strings.NewReader(""))
		told(t, err, fault.Exhausted, "cannot import image", "free of")
	}
	_, err = d.EditPool(t.Context(), root, storage.DefaultPool, json.RawMessage(`{"warnPercent":1,"stopPercent":1}`))
	d.must(err)
	fetched := wire.ImportImage{Name: "base", ImageSpec: storage.ImageSpec{Source: storage.ImageSource{URL: "https://images.example.org/base.qcow2"}}}
	_, err = d.ImportImage(t.Context(), member, "default", fetched)
	told(t, err, fault.Exhausted, "cannot import image", "nothing new is made from 1 % on")
	_, err = d.UploadImage(t.Context(), member, wire.ImportImage{Name: "base"}, "default", 512, strings.NewReader(strings.Repeat("x", 512)))
	told(t, err, fault.Exhausted, "cannot import image", "nothing new is made from 1 % on")
	_, err = d.UploadImage(t.Context(), dry(member), wire.ImportImage{Name: "base"}, "default", 512, nil)
	told(t, err, fault.Exhausted)
}

func TestAPoolThatIsPromisedTwiceSaysSo(t *testing.T) {
	d := newDesk(t)
	res, err := d.CreateVolume(t.Context(), dry(member), "default", wire.CreateVolume{Name: "huge", VolumeSpec: storage.VolumeSpec{Size: storage.MaxVolume}})
	d.must(err)
	if len(res.Preview.Findings) == 0 || res.Preview.Findings[len(res.Preview.Findings)-1].Code != "HV-POOL-011" {
		t.Errorf("%+v", res.Preview.Findings)
	}
}

func dry(call Call) Call {
	call.DryRun = true
	return call
}

// lose has the store forget everything but what is written again.
func (d *desk) lose() {
	d.t.Helper()
	for _, prefix := range []string{store.SpecPrefix("volume"), store.StatusesPrefix("volume"), store.SpecPrefix("pool"), store.StatusesPrefix("pool")} {
		_, err := d.Store.Commit(d.t.Context(), store.Txn{Then: []store.Op{store.DeletePrefixOp(prefix)}})
		d.must(err)
	}
}

func TestWhatTheStoreLostIsRebuiltFromTheNotes(t *testing.T) {
	d := newDesk(t)
	d.makePool("fast")
	want := map[string]string{}
	for name, pool := range map[string]string{"one": "default", "two": "fast", "gone": "default", "kept": "default"} {
		d.must(d.volumeIn(pool, name, model.MiB))
		v, kv, err := d.Actions.volume(t.Context(), "default", name)
		d.must(err)
		want[name] = string(kv.Value)
		if name != "gone" {
			d.must(d.pool.Create(t.Context(), v))
		}
		d.must(d.pool.PutNote(t.Context(), pool, v.UID, storage.Note{Kind: "volume", Owner: "vm/web", Files: []string{pool + "/" + v.File}, Object: kv.Value}))
	}
	p, kv, err := d.Actions.pool(t.Context(), "fast")
	d.must(err)
	d.must(d.pool.PutNote(t.Context(), storage.DefaultPool, p.UID, storage.Note{Kind: "pool", Object: kv.Value}))
	d.lose()
	d.must(d.Pools.Leave("fast"))
	d.must(d.volumeIn("default", "kept", 2*model.MiB)) // another one has its name
	_, kept, err := d.Actions.volume(t.Context(), "default", "kept")
	d.must(err)

	res, err := d.RecoverStorage(t.Context(), dry(root))
	d.must(err)
	if len(res.Preview.Plan) != 3 || !strings.Contains(res.Preview.Plan[1].Name, "which vm/web used") || d.has(volumeKey("default", "one")) {
		t.Errorf("the dry run: %+v", res.Preview)
	}
	for range 2 { // the second time there is nothing to do
		_, err = d.RecoverStorage(t.Context(), root)
		d.must(err)
	}
	for _, name := range []string{"one", "two"} {
		if kv, err := d.Store.Get(t.Context(), volumeKey("default", name)); err != nil || string(kv.Value) != want[name] {
			t.Errorf("%s: %s, %v", name, kv.Value, err)
		}
	}
	if d.has(volumeKey("default", "gone")) {
		t.Error("a volume was rebuilt that has no content")
	}
	if kv, err := d.Store.Get(t.Context(), volumeKey("default", "kept")); err != nil || kv.ModRevision != kept.ModRevision {
		t.Errorf("what was there was written over: %v", err)
	}
	if !d.has(poolKey("fast")) {
		t.Error("the pool is lost")
	}
	if _, err := d.Pools.Can("fast"); err != nil {
		t.Errorf("the pool is not open: %v", err)
	}
}
