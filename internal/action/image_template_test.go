package action

import (
	"context"
	"io"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// shelf is a library that only counts what it got.
type shelf struct{ got map[string]int64 }

func (s shelf) Receive(_ context.Context, uid string, size model.Bytes, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	if s.got[uid] = n; n != int64(size) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s shelf) Adopt(_ context.Context, uid string, _ storage.ImageStatus) error {
	s.got[uid] = 0
	return nil
}

func (s shelf) Received(context.Context) ([]string, error) { return nil, nil }

func (s shelf) Remove(_ context.Context, uid string) error { delete(s.got, uid); return nil }

func templateDesk(t *testing.T) (*desk, shelf) {
	t.Helper()
	d, lib := newDesk(t), shelf{map[string]int64{}}
	d.Images = lib
	d.create("web", ofImage("root", "", model.MiB), ofImage("data", "", model.MiB), func(def *vm.Definition) {
		def.CPUs, def.Firmware, def.TPM, def.CloudInit = 2, vm.UEFI, &vm.TPM{}, &vm.CloudInit{User: "ann"}
	})
	return d, lib
}

func TestATemplateRemembersWhatItsVMHas(t *testing.T) {
	d, lib := templateDesk(t)
	res, err := d.CreateImage(t.Context(), member, ref("web"), wire.CreateImage{Name: "base"})
	if fault.KindOf(err) == fault.Unavailable {
		t.Skip(err)
	}
	d.must(err)
	i, _, err := d.Actions.image(t.Context(), "default", "base")
	d.must(err)
	want := storage.Template{Firmware: "uefi", TPM: true}
	if i.Spec.Template == nil || *i.Spec.Template != want || i.Spec.User != "ann" || !i.Spec.CloudInit || i.Spec.Needs.CPUs != 2 || i.Spec.Needs.Disk != model.MiB || i.Spec.Source.VM != "web" {
		t.Errorf("it is %+v", i.Spec)
	}
	if lib.got[i.UID] == 0 || len(lib.got) != 1 {
		t.Errorf("the library got %v", lib.got)
	}
	if v, _, err := d.Actions.volume(t.Context(), "default", "web-root"); err != nil || len(v.Exports) > 0 {
		t.Errorf("the volume is still read: %+v, %v", v, err)
	}
	var codes string
	for _, f := range res.Operation.Findings {
		codes += f.Code + " "
	}
	if codes == "" {
		t.Error("nothing is said of what is in it")
	}
}

func TestNothingIsLeftOfATemplateThatCannotBe(t *testing.T) {
	for what, one := range map[string]struct {
		spoil func(*desk)
		body  wire.CreateImage
		kind  fault.Kind
		words []string
	}{
		"it runs":           {func(d *desk) { d.seen(vm.PowerStatus{State: vm.StateRunning, Process: &vm.Process{PID: 7}}) }, wire.CreateImage{Name: "base"}, fault.Conflict, []string{"HV-IMG-035", "--snapshot"}},
		"no such disk":      {nil, wire.CreateImage{Name: "base", Disk: "other"}, fault.NotFound, []string{"HV-IMG-034", "data, root"}},
		"no such snapshot":  {nil, wire.CreateImage{Name: "base", Snapshot: "before"}, fault.NotFound, []string{"HV-SNAP-001"}},
		"the name is taken": {func(d *desk) { d.image("base", storage.DiskImage) }, wire.CreateImage{Name: "base"}, fault.Conflict, []string{"HV-IMG-023"}},
	} {
		t.Run(what, func(t *testing.T) {
			d, lib := templateDesk(t)
			if one.spoil != nil {
				one.spoil(d)
			}
			files := len(d.files())
			_, err := d.CreateImage(t.Context(), member, ref("web"), one.body)
			told(t, err, one.kind, one.words...)
			if len(lib.got) > 0 || len(d.files()) != files {
				t.Errorf("it left %v, %v", lib.got, d.files())
			}
		})
	}
}
