package action

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (d *desk) apply(vms string) Result {
	d.t.Helper()
	res, err := d.ApplyConfig(d.t.Context(), root, d.declare(`{"hypervisor":{"vms":{`+vms+`}}}`))
	d.must(err)
	return res
}

const small = `"memory":"256MiB"`

func TestADeclarationCreatesEditsAndStopsAndKeepsDisks(t *testing.T) {
	d := newDesk(t)
	d.volume("data")
	d.create("hand", powered(vm.On))
	hand := d.object("hand")

	d.apply(`"web":{` + small + `,"power":"on","disks":{"root":{"volume":"data"}}},"db":{` + small + `}`)
	if o := d.object("web"); o.Origin != model.Declared || o.Spec.Power != vm.On {
		t.Errorf("web is %+v", o)
	}
	db := d.object("db")

	d.apply(`"db":{` + small + `,"cpus":2}`)
	web := d.object("web")
	if web.Origin != model.Released || web.Spec.Power != vm.Off || web.Spec.Disks["root"].Volume != "data" || web.Deleted != nil {
		t.Errorf("what is declared no more is %+v", web)
	}
	if !d.has(store.ClaimKey("disk", "default", "data")) {
		t.Error("its disk is free for others")
	}
	if o := d.object("db"); o.Spec.CPUs != 2 || o.Spec.UUID != db.Spec.UUID {
		t.Errorf("db is %+v, was %+v", o, db)
	}
	if o := d.object("hand"); o.Revision != hand.Revision {
		t.Error("a VM that was made by hand was touched")
	}

	d.apply(`"db":{` + small + `},"web":{` + small + `,"power":"on","disks":{"root":{"volume":"data"}}}`)
	if o := d.object("web"); o.Origin != model.Declared || o.Spec.Power != vm.On || o.Spec.UUID != web.Spec.UUID {
		t.Errorf("what is declared again is %+v", o)
	}
	closed(t, d)
}

// The operation of a VM that is declared no more says what it is for: to stop it.
func TestWhatIsDeclaredNoMoreIsStoppedByName(t *testing.T) {
	d := newDesk(t)
	d.apply(`"web":{` + small + `,"power":"on"}`)
	id := d.apply(``).Operation.Params["operations"]
	op, _, err := store.Get[operation.Wish](t.Context(), d.Store, store.SpecKey(operationRef(operation.Wish{ID: id, Target: vmTarget(ref("web"))})))
	d.must(err)
	if op.Action != VMEdit.name || op.Target.Name != "web" || op.Params["power"] != "off" {
		t.Errorf("%+v", op)
	}
}

func TestTheSameDeclarationTwiceChangesNothing(t *testing.T) {
	d := newDesk(t)
	text := `"web":{` + small + `,"power":"on"},"db":{` + small + `}`
	d.apply(text)
	stands, kv, err := d.standing(t.Context())
	d.must(err)
	web, db := d.object("web"), d.object("db")
	res := d.apply(text)
	again, kv2, err := d.standing(t.Context())
	d.must(err)
	if kv2.ModRevision != kv.ModRevision || again.Generation != stands.Generation || d.object("web").Revision != web.Revision || d.object("db").Revision != db.Revision {
		t.Errorf("generation %d after %d, revisions %d %d", again.Generation, stands.Generation, kv.ModRevision, kv2.ModRevision)
	}
	if res.Operation.State != operation.Done || res.Operation.Params["operations"] != "" {
		t.Errorf("operation %+v", res.Operation)
	}
}

func TestADeclarationLeavesPowerThatItDoesNotNameToItsOwner(t *testing.T) {
	d := newDesk(t)
	d.apply(`"web":{` + small + `}`)
	_, err := d.PowerVM(t.Context(), member, VMStart, ref("web"), wire.VerbOptions{})
	d.must(err)
	d.apply(`"web":{` + small + `,"cpus":2}`)
	if p := d.object("web").Spec.Power; p != vm.On {
		t.Errorf("power is %q", p)
	}
}

func TestWhatIsDeclaredIsEditedAndDeletedThereOnly(t *testing.T) {
	d := newDesk(t)
	d.apply(`"web":{` + small + `}`)
	_, err := d.EditVM(t.Context(), member, ref("web"), []byte(`{"cpus":2}`))
	told(t, err, fault.Denied, "stands in the host's declaration (hv.json:1:23) and is edited there only", "edit it there, then hv config apply hv.json", "HV-VM-023")
	_, err = d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{})
	told(t, err, fault.Denied, "is deleted there only")
	d.apply(``)
	_, err = d.EditVM(t.Context(), member, ref("web"), []byte(`{"cpus":2}`))
	d.must(err)
	_, err = d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{})
	d.must(err)
	_, err = d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{"vms":{"web":{`+small+`}}}}`))
	told(t, err, fault.Invalid, "vm web is being deleted", "hv vm wait web")
}

func TestADeclarationThatCannotBeIsRefusedWhole(t *testing.T) {
	d := newDesk(t)
	d.create("hand")
	before := d.revision()
	for name, c := range map[string]struct {
		text  string
		words []string
	}{
		"a VM made by hand":  {`{"hypervisor":{"vms":{"hand":{}}}}`, []string{"vm hand exists already and was made by hand", "HV-CFG-002"}},
		"a missing volume":   {`{"hypervisor":{"vms":{"web":{"disks":{"root":{"volume":"nowhere"}}}}}}`, []string{`there is no volume "nowhere"`}},
		"more than the host": {`{"hypervisor":{"vms":{"web":{"cpus":99}}}}`, []string{"99 vCPUs"}},
		"an unknown feature": {`{"hypervisor":{"featureManager":{"enabledFeatures":["snapshotz"]}}}`, []string{"snapshotz"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.ApplyConfig(t.Context(), root, d.declare(c.text))
			told(t, err, fault.Invalid, append(c.words, "the declaration is refused")...)
		})
	}
	if d.revision() != before {
		t.Error("a refused declaration changed something")
	}
}

func TestAnApplyThatWasCutOffIsFinishedByTheNextStart(t *testing.T) {
	d := newDesk(t)
	d.apply(`"old":{` + small + `,"power":"on"}`)
	// The declaration is durable, and then the daemon dies.
	decl := d.declare(`{"hypervisor":{"vms":{"new":{` + small + `}}}}`)
	stands, _, err := d.standing(t.Context())
	d.must(err)
	applied := stands.Applied
	applied.Generation, applied.Declaration, applied.Complete = 2, decl, false
	op, err := store.PutJSON(configKey(), applied, 0)
	d.must(err)
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{op}})
	d.must(err)

	boot := Call{Root: true, Actor: operation.Actor{Via: "boot"}}
	d.must(d.Resume(t.Context(), boot))
	if o := d.object("new"); o.Origin != model.Declared {
		t.Errorf("new is %+v", o)
	}
	if o := d.object("old"); o.Spec.Power != vm.Off || o.Origin != model.Released {
		t.Errorf("old is %+v", o)
	}
	if s, _, err := d.standing(t.Context()); err != nil || !s.Complete {
		t.Errorf("%+v, %v", s.Applied, err)
	}
	before := d.revision()
	d.must(d.Resume(t.Context(), boot))
	if d.revision() != before {
		t.Error("what is finished was done again")
	}
}

// An apply is cut off before it stops "old"; what is applied next does not name it either.
func TestAVMThatACutOffApplyForgotIsStoppedByTheNext(t *testing.T) {
	d := newDesk(t)
	d.apply(`"old":{` + small + `,"power":"on"}`)
	stands, _, err := d.standing(t.Context())
	d.must(err)
	stands.Declaration, stands.Complete = d.declare(`{}`), false
	op, err := store.PutJSON(configKey(), stands.Applied, 0)
	d.must(err)
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{op}})
	d.must(err)
	d.apply(`"new":{` + small + `}`)
	if o := d.object("old"); o.Spec.Power != vm.Off || o.Origin != model.Released {
		t.Errorf("old is %+v", o)
	}
}

func TestWhatDoesNotFitTheHostAnyMoreCanStillBeTakenOut(t *testing.T) {
	d := newDesk(t)
	d.apply(`"web":{` + small + `,"power":"on","cpus":4}`)
	d.facts.CPUs = 2
	d.apply(``)
	if o := d.object("web"); o.Spec.Power != vm.Off {
		t.Errorf("web is %+v", o)
	}
}

func TestWhereAFileIsTheDeclarationNothingElseIs(t *testing.T) {
	d := newDesk(t)
	d.DeclaredBy = "/etc/hyper-nixos/declaration.json"
	_, err := d.ApplyConfig(t.Context(), root, d.declare(`{}`))
	told(t, err, fault.Denied, "this host's declaration is /etc/hyper-nixos/declaration.json", "HV-CFG-001")
	boot := Call{Root: true, Actor: operation.Actor{Via: "boot"}}
	_, err = d.ApplyConfig(t.Context(), boot, d.declare(`{"hypervisor":{"vms":{"web":{}}}}`))
	d.must(err)
	if s, _, err := d.standing(t.Context()); err != nil || s.Source != d.DeclaredBy {
		t.Errorf("%+v, %v", s.Applied, err)
	}
}

func TestADeclarationIsMatchedWithTheRevisionThatWasSeen(t *testing.T) {
	d := newDesk(t)
	d.apply(``)
	stale := root
	stale.IfMatch = 1 << 40
	_, err := d.ApplyConfig(t.Context(), stale, d.declare(`{}`))
	told(t, err, fault.Precondition, "has changed since revision")
	if !strings.Contains(configKey(), "config") {
		t.Error(configKey())
	}
}
