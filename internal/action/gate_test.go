package action

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestEveryActionPassesOneGate(t *testing.T) {
	d := newDesk(t)
	d.develops()
	for _, r := range Table() {
		err := d.Authorize(t.Context(), member, r)
		if (r.Access() == Root) != (fault.KindOf(err) == fault.Denied && err != nil) {
			t.Errorf("a member asks for %s: %v", r.Name(), err)
		}
		if r.Access() == Root {
			told(t, err, fault.Denied, "only root may "+r.What(), "HV-AUTH-001")
		}
		if err := d.Authorize(t.Context(), root, r); err != nil {
			t.Errorf("root asks for %s: %v", r.Name(), err)
		}
	}
	told(t, d.Authorize(t.Context(), root, Row{}), fault.Internal, "not in the table")
}

// develops turns on what is off by default and has actions of its own.
func (d *desk) develops() {
	d.t.Helper()
	if _, err := d.ApplyConfig(d.t.Context(), root, d.declare(`{"hypervisor":{"featureManager":{"extraFeatures":["devEnvironments"]}}}`)); err != nil {
		d.t.Fatal(err)
	}
}

func TestAFeatureThatIsOffDeniesItsActions(t *testing.T) {
	d := newDesk(t)
	for _, r := range []Row{EnvironmentList, EnvironmentCreate} {
		told(t, d.Authorize(t.Context(), root, r), fault.Denied, "feature devEnvironments is off", "HV-AUTH-002", "hypervisor.featureManager")
	}
	r := VMStart
	r.feature = string(catalogue.WebDashboard)
	told(t, d.Authorize(t.Context(), root, r), fault.Denied, "feature webDashboard is off", "HV-AUTH-002")
}

func TestAHostWithoutQEMUStillAnswers(t *testing.T) {
	d := newDesk(t)
	d.develops()
	d.facts.QEMU = &host.QEMU{Why: "there is none"}
	for _, r := range Table() {
		if err := d.Authorize(t.Context(), root, r); err != nil {
			t.Errorf("%s: %v", r.Name(), err)
		}
	}
}

// Every method is called with a row that its caller may not use: each has to come to the gate before
// anything else.
func TestNoMethodGoesAroundTheGate(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	d.volume("data")
	too := member
	too.IdempotencyKey = strings.Repeat("k", 129) // what the gate refuses of every action
	before := d.revision()
	for name, ask := range map[string]func() error{
		"vm.create": func() error { _, err := d.CreateVM(t.Context(), too, "default", definition("db")); return err },
		"vm.edit":   func() error { _, err := d.EditVM(t.Context(), too, ref("web"), []byte(`{}`)); return err },
		"vm.delete": func() error { _, err := d.DeleteVM(t.Context(), too, ref("web"), wire.VerbOptions{}); return err },
		"vm.start": func() error {
			_, err := d.PowerVM(t.Context(), too, VMStart, ref("web"), wire.VerbOptions{})
			return err
		},
		"vm.console":    func() error { return d.OpenConsole(t.Context(), too, ref("web")) },
		"vm.vnc":        func() error { return d.OpenScreen(t.Context(), too, ref("web")) },
		"vm.screenshot": func() error { return d.OpenPicture(t.Context(), too, ref("web")) },
		"vm.exec":       func() error { return d.OpenExec(t.Context(), too, ref("web"), "true") },
		"vm.trim":       func() error { return d.OpenGuest(t.Context(), too, VMTrim, ref("web")) },
		"volume.create": func() error { _, err := d.CreateVolume(t.Context(), too, "default", newVolume("more")); return err },
		"volume.delete": func() error { _, err := d.DeleteVolume(t.Context(), too, ref("data"), false); return err },
		"volume.import": func() error {
			_, err := d.ImportVolume(t.Context(), too, "default", newVolume("more"), 512, unread{t})
			return err
		},
		"boot-file.import": func() error {
			_, err := d.ImportBootFile(t.Context(), too, ref("k"), storage.KernelFile, 1, unread{t})
			return err
		},
		"boot-file.delete": func() error { _, err := d.DeleteBootFile(t.Context(), too, ref("nobody")); return err },
		"operation.cancel": func() error { _, err := d.CancelOperation(t.Context(), too, "zz"); return err },
		"config.apply": func() error {
			c := asRoot(too)
			_, err := d.ApplyConfig(t.Context(), c, []byte("{"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { told(t, ask(), fault.Invalid, "the idempotency key has 129 bytes") })
	}
	if d.revision() != before {
		t.Error("something was done")
	}
	_, err := d.ApplyConfig(t.Context(), member, []byte("{"))
	told(t, err, fault.Denied, "only root may apply a declaration")
}

// unread is content that nobody may look at before the gate.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("content was read before the gate")
	return 0, nil
}

func TestTheTableHasEachActionOnceAndEachRouteOnce(t *testing.T) {
	names, routes := map[string]bool{}, map[string]bool{}
	for _, r := range Table() {
		route := r.Method() + " " + r.Path()
		if names[r.Name()] || routes[route] {
			t.Errorf("%s (%s) is there twice", r.Name(), route)
		}
		names[r.Name()], routes[route] = true, true
		if _, _, err := catalogue.Lookup(r.Feature()); err != nil {
			t.Errorf("%s: %v", r.Name(), err)
		}
		if r.Wish() != Read && r.What() == "" {
			t.Errorf("%s says nothing of itself", r.Name())
		}
		if r.Wish() == Read && r.Method() != "GET" {
			t.Errorf("%s reads by %s", r.Name(), r.Method())
		}
		if same, err := ByName(r.Name()); err != nil || same != r {
			t.Errorf("%s is not found by its name", r.Name())
		}
	}
	if _, err := ByName("vm.fly"); fault.KindOf(err) != fault.NotFound {
		t.Error("an action that is not there was found")
	}
}
