package action

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// image puts an image into the library, as reconcile leaves one that is made.
func (d *desk) image(name string, kind storage.ImageKind) storage.Image {
	d.t.Helper()
	i := storage.Image{Metadata: model.Metadata{Name: name, Project: "default", UID: uuid(d.Random(16)), Generation: 1}, Spec: storage.ImageSpec{Kind: kind}}
	format := storage.QCOW2
	if kind == storage.ISOImage {
		format = storage.Raw
	}
	spec, err := store.PutJSON(imageKey("default", name), i, 0)
	d.must(err)
	status, err := store.PutJSON(store.StatusKey(imageRef("default", name), "reconcile"), storage.ImageStatus{Ready: true, Format: format, Size: 4 * model.MiB}, 0)
	d.must(err)
	_, err = d.Store.Commit(d.t.Context(), store.Txn{Then: []store.Op{spec, status}})
	d.must(err)
	return i
}

func ofImage(device, image string, size model.Bytes) func(*vm.Definition) {
	return func(def *vm.Definition) {
		if def.Disks == nil {
			def.Disks = map[string]vm.Disk{}
		}
		def.Disks[device] = vm.Disk{Image: image, Size: size}
	}
}

func inDrive(image string) func(*vm.Definition) {
	return func(def *vm.Definition) { def.CDROMs = map[string]vm.CDROM{"cd": {Image: image}} }
}

func TestAVMIsMadeWithTheVolumesOfItsImages(t *testing.T) {
	d := newDesk(t)
	base, iso := d.image("debian", storage.DiskImage), d.image("installer", storage.ISOImage)
	o := d.create("web", ofImage("root", "debian", 8*model.MiB), ofImage("data", "", model.MiB), inDrive("installer"))
	if o.Spec.Disks["root"].Volume != "web-root" || o.Spec.Disks["root"].Image != "" || o.Spec.CDROMs["cd"].Volume != "installer" {
		t.Errorf("it has %+v and %+v", o.Spec.Disks, o.Spec.CDROMs)
	}
	root, _, err := d.Actions.volume(t.Context(), "default", "web-root")
	d.must(err)
	if len(root.Layers) != 2 || root.Layers[0].ID != base.UID || root.Spec.Size != 8*model.MiB || root.Spec.Image != "debian" {
		t.Errorf("its volume is %+v", root)
	}
	medium, _, err := d.Actions.volume(t.Context(), "default", "installer")
	d.must(err)
	if !medium.Frozen || medium.File != storage.ImageFile(iso.UID, storage.Raw) {
		t.Errorf("its medium is %+v", medium)
	}
	claim, _, err := store.Get[storage.Claim](t.Context(), d.Store, store.ClaimKey("disk", "default", "web-root"))
	d.must(err)
	if claim.Writer != "vm/web" {
		t.Errorf("the claim is %+v", claim)
	}
	if files := d.files(); len(files) != 2 { // those of root and data, settled; the medium is the image itself
		t.Errorf("files are %v", files)
	}
	left, err := d.pool.Unsettled(t.Context())
	d.must(err)
	if len(left) > 0 {
		t.Errorf("%v are not settled", left)
	}
	// A second VM may have the same medium, and nothing is made of it.
	d.create("two", inDrive("installer"))
}

func TestNothingIsLeftOfAVMWhoseVolumeCannotBeMade(t *testing.T) {
	for what, one := range map[string]struct {
		spoil func(*desk)
		edit  func(*vm.Definition)
		kind  fault.Kind
		words []string
	}{
		"no image":        {nil, ofImage("root", "nothing", 0), fault.Invalid, []string{"HV-VM-017", `no image "nothing"`, "hv image import nothing"}},
		"too small":       {nil, ofImage("root", "debian", model.MiB), fault.Invalid, []string{"cannot have 1MiB", "--size 4MiB"}},
		"an ISO":          {nil, ofImage("root", "installer", 0), fault.Invalid, []string{"is an ISO"}},
		"no ISO":          {nil, inDrive("debian"), fault.Invalid, []string{"is no ISO"}},
		"a name taken":    {func(d *desk) { d.volume("web-root") }, ofImage("root", "debian", 0), fault.Conflict, []string{"HV-VOL-002", "web-root"}},
		"no pool":         {nil, func(def *vm.Definition) { def.Disks = map[string]vm.Disk{"root": {Size: model.MiB, Pool: "fast"}} }, fault.NotFound, []string{`"fast"`}},
		"a disk is gone":  {nil, func(def *vm.Definition) { ofImage("root", "debian", 0)(def); disk("data", "nothing", false)(def) }, fault.Invalid, []string{"HV-VM-017"}},
		"no room to tell": {func(d *desk) { d.paper.out.Store(true) }, ofImage("root", "debian", 0), fault.Exhausted, nil},
		"an address is another's": {func(d *desk) { d.create("other", nic()) }, func(def *vm.Definition) { ofImage("root", "debian", 0)(def); nic()(def) },
			fault.Conflict, []string{"HV-VM-027"}},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDesk(t)
			d.image("debian", storage.DiskImage)
			d.image("installer", storage.ISOImage)
			if one.spoil != nil {
				one.spoil(d)
			}
			before, files := d.revision(), len(d.files())
			_, err := d.CreateVM(t.Context(), member, "default", definition("web", one.edit))
			told(t, err, one.kind, one.words...)
			if len(d.files()) != files || d.revision() != before {
				t.Errorf("it left %v, revision %d after %d", d.files(), d.revision(), before)
			}
		})
	}
}

func TestADryRunOfAVMOfAnImageMakesNothingAndSaysWhatItWould(t *testing.T) {
	d := newDesk(t)
	d.image("debian", storage.DiskImage)
	dry := member
	dry.DryRun = true
	res, err := d.CreateVM(t.Context(), dry, "default", definition("web", ofImage("root", "debian", 0)))
	d.must(err)
	if got, _ := json.Marshal(res.Preview.Plan); !strings.Contains(string(got), "make volume web-root of 4MiB that begins as image debian") {
		t.Errorf("the plan is %s", got)
	}
	if len(d.files()) > 0 || d.has(volumeKey("default", "web-root")) {
		t.Errorf("it made %v", d.files())
	}
}

func TestTheSameCallMakesItsVolumesOnce(t *testing.T) {
	d := newDesk(t)
	d.image("debian", storage.DiskImage)
	call := member
	call.IdempotencyKey = "once"
	for range 2 {
		_, err := d.CreateVM(t.Context(), call, "default", definition("web", ofImage("root", "debian", 0)))
		d.must(err)
	}
	if files := d.files(); len(files) != 1 {
		t.Errorf("files are %v", files)
	}
}

func TestAnEditMakesTheVolumeOfANewDisk(t *testing.T) {
	d := newDesk(t)
	d.image("debian", storage.DiskImage)
	d.create("web", ofImage("root", "debian", 0))
	_, err := d.EditVM(t.Context(), member, ref("web"), json.RawMessage(`{"disks": {"data": {"size": "1MiB"}}}`))
	d.must(err)
	if got := d.object("web").Spec.Disks; got["data"].Volume != "web-data" || got["root"].Volume != "web-root" {
		t.Errorf("its disks are %+v", got)
	}
	if !d.has(volumeKey("default", "web-data")) {
		t.Error("there is no volume")
	}
}

const declaredWeb = `{"hypervisor": {"vms": {"web": {"power": "off", "disks": {"root": {"image": "debian", "size": "SIZE"}}}}}}`

func TestADeclaredVMHasItsVolumeMadeOnceAndKept(t *testing.T) {
	d := newDesk(t)
	old := d.image("debian", storage.DiskImage)
	apply := func(size string) Result {
		t.Helper()
		res, err := d.ApplyConfig(t.Context(), root, d.declare(strings.Replace(declaredWeb, "SIZE", size, 1)))
		d.must(err)
		return res
	}
	plan := func(size string) string {
		t.Helper()
		dry := root
		dry.DryRun = true
		res, err := d.ApplyConfig(t.Context(), dry, d.declare(strings.Replace(declaredWeb, "SIZE", size, 1)))
		d.must(err)
		text, err := json.Marshal(res.Preview)
		d.must(err)
		return string(text)
	}
	if got := plan("8MiB"); !strings.Contains(got, "make volume web-root of 8MiB that begins as image debian") {
		t.Errorf("the plan is %s", got)
	}
	apply("8MiB")
	first, _, err := d.Actions.volume(t.Context(), "default", "web-root")
	d.must(err)
	if first.Layers[0].ID != old.UID {
		t.Errorf("it stands on %+v", first.Layers)
	}
	// Another image of that name later, or none: the volume is kept, and nothing is planned.
	d.image("debian", storage.DiskImage)
	if got := plan("8MiB"); !strings.Contains(got, `"nothing":true`) {
		t.Errorf("there is something to do: %s", got)
	}
	if got := plan("4MiB"); !strings.Contains(got, "HV-CFG-014") {
		t.Errorf("that it does not shrink is not said: %s", got)
	}
	if got := plan("16MiB"); !strings.Contains(got, "make volume web-root larger: 16MiB") {
		t.Errorf("that it grows is not said: %s", got)
	}
	apply("16MiB")
	grown, _, err := d.Actions.volume(t.Context(), "default", "web-root")
	d.must(err)
	if grown.Spec.Size != 16*model.MiB || grown.UID != first.UID {
		t.Errorf("it is %+v", grown)
	}
}

func TestADeclarationTakesAVolumeOfItsImageThatIsThereAndNoOther(t *testing.T) {
	d := newDesk(t)
	d.image("debian", storage.DiskImage)
	text := d.declare(strings.Replace(declaredWeb, "SIZE", "8MiB", 1))
	d.volume("web-root")
	_, err := d.ApplyConfig(t.Context(), root, text)
	told(t, err, fault.Invalid, "HV-CFG-013", "exists already")
	_, err = d.DeleteVolume(t.Context(), member, ref("web-root"), true)
	d.must(err)
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeleteOp(volumeKey("default", "web-root"))}})
	d.must(err)
	_, err = d.CreateVolume(t.Context(), member, "default", wire.CreateVolume{Name: "web-root", VolumeSpec: storage.VolumeSpec{Image: "debian", Size: 8 * model.MiB}})
	d.must(err)
	there, _, err := d.Actions.volume(t.Context(), "default", "web-root")
	d.must(err)
	_, err = d.ApplyConfig(t.Context(), root, text)
	d.must(err)
	if now, _, err := d.Actions.volume(t.Context(), "default", "web-root"); err != nil || now.UID != there.UID {
		t.Errorf("it has %+v, %v", now, err)
	}
}

// What is to be encrypted is not put into a volume of that name that is there in clear.
func TestAVolumeThatIsThereInClearIsNotTakenForAnEncryptedOne(t *testing.T) {
	d := newDesk(t)
	d.image("debian", storage.DiskImage)
	_, err := d.CreateVolume(t.Context(), member, "default", wire.CreateVolume{Name: "web-root", VolumeSpec: storage.VolumeSpec{Image: "debian", Size: 8 * model.MiB}})
	d.must(err)
	c := d.fresh(root, VMCreate, vmTarget(ref("web")))
	c.making = &making{}
	wish := vm.Fresh{Device: "disks.root", Volume: "web-root", Image: "debian"}
	d.must(d.makeVolumes(t.Context(), c, vm.Object{}, []vm.Fresh{wish}, model.Declared))
	wish.Key = "secret"
	told(t, d.makeVolumes(t.Context(), c, vm.Object{}, []vm.Fresh{wish}, model.Declared), fault.Conflict, "HV-VOL-002", `not encrypted with key "secret"`)
}
