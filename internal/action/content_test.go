package action

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// files are the contents that are there.
func (d *desk) files() []string {
	d.t.Helper()
	var all []string
	for _, folder := range []string{"pool", "boot"} {
		entries, err := os.ReadDir(filepath.Join(d.dir, folder))
		d.must(err)
		for _, e := range entries {
			all = append(all, folder+"/"+e.Name())
		}
	}
	return all
}

// hook calls do when the content is asked for, before its first byte.
type hook struct {
	io.Reader
	do   func()
	once sync.Once
}

func (h *hook) Read(p []byte) (int, error) {
	h.once.Do(h.do)
	return h.Reader.Read(p)
}

func sector() io.Reader { return strings.NewReader(strings.Repeat("x", 512)) }

func TestAVolumeExistsOnlyWhenItsContentIsDurable(t *testing.T) {
	d := newDesk(t)
	content := &hook{Reader: sector(), do: func() {
		if d.has(volumeKey("default", "data")) {
			t.Error("the volume is there before its content")
		}
	}}
	res, err := d.ImportVolume(t.Context(), member, "default", newVolume("data"), 512, content)
	d.must(err)
	v, _, err := d.Actions.volume(t.Context(), "default", "data")
	d.must(err)
	if res.Operation.State != operation.Done || v.Spec.Size != 512 || v.SHA256 == "" {
		t.Errorf("%+v of %+v", v, res.Operation)
	}
	if got := d.files(); len(got) != 1 || got[0] != "pool/"+v.File {
		t.Errorf("files are %v", got)
	}
}

func TestAnImportThatFailsLeavesNothing(t *testing.T) {
	imports := map[string]func(*desk, io.Reader) error{
		"volume": func(d *desk, r io.Reader) error {
			_, err := d.ImportVolume(d.t.Context(), member, "default", newVolume("data"), 512, r)
			return err
		},
		"kernel": func(d *desk, r io.Reader) error {
			_, err := d.ImportBootFile(d.t.Context(), member, ref("data"), storage.KernelFile, 512, r)
			return err
		},
	}
	contents := map[string]func(*desk) io.Reader{
		"cut off":         func(*desk) io.Reader { return strings.NewReader("short") },
		"a broken reader": func(*desk) io.Reader { return io.MultiReader(strings.NewReader("x"), broken{}) },
		"no room to tell": func(d *desk) io.Reader { return &hook{Reader: sector(), do: func() { d.paper.out.Store(true) }} },
	}
	for what, imp := range imports {
		for how, content := range contents {
			t.Run(what+", "+how, func(t *testing.T) {
				d := newDesk(t)
				before := d.revision()
				if err := imp(d, content(d)); err == nil {
					t.Fatal("it did not fail")
				}
				if left := d.files(); len(left) > 0 || d.revision() != before {
					t.Errorf("it left %v, revision %d after %d", left, d.revision(), before)
				}
			})
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestOfTwoImportsOfOneNameOneWinsAndTheOtherLeavesNothing(t *testing.T) {
	d := newDesk(t)
	rival := &hook{Reader: sector(), do: func() {
		_, err := d.CreateVolume(t.Context(), member, "default", newVolume("data"))
		d.must(err)
	}}
	_, err := d.ImportVolume(t.Context(), member, "default", newVolume("data"), 512, rival)
	told(t, err, fault.Conflict, `volume "data" exists already`, "HV-VOL-002")
	if left := d.files(); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	closed(t, d)
}

func TestAVolumeThatIsUsedIsNotDeleted(t *testing.T) {
	d := newDesk(t)
	d.volume("data")
	d.create("web", disk("root", "data", true))
	_, err := d.DeleteVolume(t.Context(), member, ref("data"), true)
	told(t, err, fault.Conflict, `volume "data" is used by vm/web`, "delete the VM", "HV-VOL-003")
	_, err = d.EditVM(t.Context(), member, ref("web"), []byte(`{"disks":null}`))
	d.must(err)
	_, err = d.DeleteVolume(t.Context(), member, ref("data"), true)
	d.must(err)
	_, err = d.CreateVM(t.Context(), member, "default", definition("db", disk("root", "data", false)))
	told(t, err, fault.Conflict, `volume "data" is being deleted`)
}

func TestADeletedVMTakesItsOwnVolumesAndLeavesThoseOfOthers(t *testing.T) {
	d := newDesk(t)
	for _, v := range []string{"own", "shared"} {
		d.volume(v)
	}
	d.create("web", disk("root", "own", false), disk("lib", "shared", true))
	d.create("db", disk("lib", "shared", true))
	_, err := d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{Volumes: true})
	d.must(err)
	for name, gone := range map[string]bool{"own": true, "shared": false} {
		v, _, err := store.Get[storage.Volume](t.Context(), d.Store, volumeKey("default", name))
		if err != nil || (v.Deleted != nil) != gone {
			t.Errorf("%s: deleted %v, %v", name, v.Deleted, err)
		}
	}
}

func TestAVolumeThatCannotBeIsRefused(t *testing.T) {
	d := newDesk(t)
	for name, c := range map[string]struct {
		body  wire.CreateVolume
		kind  fault.Kind
		words []string
	}{
		"all that is wrong":    {wire.CreateVolume{Name: "A b", VolumeSpec: storage.VolumeSpec{Size: 7, Format: "vhd"}}, fault.Invalid, []string{`volume name "A b"`, "not a multiple of 512", "raw, qcow2"}},
		"a pool of nobody":     {wire.CreateVolume{Name: "v", VolumeSpec: storage.VolumeSpec{Size: 512, Pool: "fast"}}, fault.NotFound, []string{`there is no pool "fast"`}},
		"a label out of shape": {wire.CreateVolume{Name: "v", Labels: map[string]string{"a b": "c"}, VolumeSpec: storage.VolumeSpec{Size: 512}}, fault.Invalid, []string{"label"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.CreateVolume(t.Context(), member, "default", c.body)
			told(t, err, c.kind, c.words...)
		})
	}
}

func TestBootFilesAreReplacedAndTheirContentGoesWithItsLastName(t *testing.T) {
	d := newDesk(t)
	imp := func(name, content string) {
		t.Helper()
		_, err := d.ImportBootFile(t.Context(), member, ref(name), storage.KernelFile, model.Bytes(len(content)), strings.NewReader(content))
		d.must(err)
	}
	imp("a", "one")
	imp("b", "one")
	if n := len(d.files()); n != 1 {
		t.Fatalf("one content is %d files", n)
	}
	imp("a", "two")
	if n := len(d.files()); n != 2 {
		t.Fatalf("two contents are %d files", n)
	}
	imp("b", "two")
	if n := len(d.files()); n != 1 {
		t.Fatalf("what nobody names stays: %d files", n)
	}
	d.create("web", func(def *vm.Definition) { def.Boot = &vm.Boot{Kernel: "a"} })
	_, err := d.DeleteBootFile(t.Context(), member, ref("a"))
	told(t, err, fault.Conflict, `boot file "a" is used by vm/web`)
	_, err = d.DeleteBootFile(t.Context(), member, ref("b"))
	d.must(err)
	_, err = d.DeleteBootFile(t.Context(), member, ref("b"))
	told(t, err, fault.NotFound, `there is no boot file "b"`)
	if n := len(d.files()); n != 1 {
		t.Errorf("%d files", n)
	}
}

// While "b" arrives with the same bytes, the last name of them goes: they stay.
func TestContentThatArrivesIsNotRemovedUnderItsFeet(t *testing.T) {
	d := newDesk(t)
	_, err := d.ImportBootFile(t.Context(), member, ref("a"), storage.KernelFile, 512, sector())
	d.must(err)
	late := &tail{Reader: sector(), do: func() {
		_, err := d.DeleteBootFile(t.Context(), member, ref("a"))
		d.must(err)
	}}
	_, err = d.ImportBootFile(t.Context(), member, ref("b"), storage.KernelFile, 512, late)
	d.must(err)
	f, _, err := store.Get[storage.BootFile](t.Context(), d.Store, bootFileKey(ref("b")))
	d.must(err)
	open, err := d.boots.Open(t.Context(), f.SHA256)
	if err != nil {
		t.Fatalf("its content is gone: %v", err)
	}
	data, err := io.ReadAll(open)
	if err != nil || !bytes.Equal(data, bytes.Repeat([]byte("x"), 512)) {
		t.Errorf("its content is %q, %v", data, err)
	}
	_ = open.Close()
}

// tail calls do with the last bytes.
type tail struct {
	io.Reader
	do   func()
	once sync.Once
}

func (h *tail) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.once.Do(h.do)
	return n, err
}
