package action

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

var (
	theKey  = recovery.New([recovery.Random]byte{1, 2, 3})
	theHash = recovery.HashOf(theKey, [recovery.SaltBytes]byte{9})
	atBoot  = Call{Actor: operation.Actor{Name: "hvd", Via: "boot"}, Root: true}
)

// The list is what a hardened host does of what changes something, name by name: it is not derived from the table.
func TestTheseActionsAreDoneByAHardenedHostAndNoOther(t *testing.T) {
	want := map[phase.Verdict][]string{
		phase.Yes: strings.Fields(`host.stop-vms key.lock key.unlock operation.cancel phase.harden phase.relock phase.unlock vm.console vm.exec vm.kill vm.pause vm.reboot
			vm.reset vm.resume vm.screenshot vm.set-password vm.set-time vm.start vm.stop vm.suspend vm.trim vm.vnc volume.check volume.export`),
		phase.Part: {"config.apply", "vm.cdrom"},
		phase.No: strings.Fields(`boot-file.delete boot-file.import config.rollback environment.create image-source.add image-source.remove image.create image.delete image.import image.update image.upload key.create key.delete key.renew key.reseal key.rotate pool.create pool.delete pool.edit share.create share.delete snapshot.create snapshot.delete snapshot.edit snapshot.prune snapshot.restore
			storage.recover vm.clone vm.create vm.delete vm.edit vm.rename volume.clone volume.create volume.delete
			volume.import volume.keyslot-add volume.keyslot-recover volume.keyslot-remove volume.move volume.purge volume.rename volume.resize volume.restore`),
	}
	have := map[phase.Verdict][]string{}
	for _, r := range Table() {
		if (r.Wish() == Read) != (r.Class() == phase.Look) {
			t.Errorf("%s is a %s of class %s", r.Name(), r.Wish(), r.Class())
		}
		if r.Wish() != Read {
			have[r.Hardened()] = append(have[r.Hardened()], r.Name())
		}
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("(-told here +in the table)\n%s", d)
	}
}

// ends writes that every operation has ended.
func (d *desk) ends() {
	d.t.Helper()
	ops, _, err := store.ListAll[operation.Wish](d.t.Context(), d.Store, store.SpecPrefix("operation"))
	d.must(err)
	var txn store.Txn
	for _, op := range ops {
		put, err := store.PutJSON(store.StatusKey(operationRef(op.Value), "reconcile"), operation.Status{State: operation.Done}, 0)
		d.must(err)
		txn.Then = append(txn.Then, put)
	}
	if len(txn.Then) > 0 {
		_, err = d.Store.Commit(d.t.Context(), txn)
		d.must(err)
	}
}

func (d *desk) harden() {
	d.t.Helper()
	d.ends()
	_, err := d.Harden(d.t.Context(), root, wire.Harden{KeyHash: string(theHash)})
	d.must(err)
}

func (d *desk) phase() phase.Phase {
	d.t.Helper()
	p, err := d.Phase(d.t.Context())
	d.must(err)
	return phase.Phase(p.Name)
}

func TestHardeningTellsEverythingThatIsInTheWay(t *testing.T) {
	d := newDesk(t)
	d.Members = func() []string { return []string{"ann"} }
	d.AuditWhole = func(context.Context) error { return errors.New("record 7 was edited") }
	res, err := d.CreateVM(t.Context(), member, "default", definition("web"))
	d.must(err)
	_, err = d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{"vms":{"db":{"memory":"256MiB"}}}}`))
	d.must(err)
	d.ends()
	_, err = d.EditVM(t.Context(), member, ref("web"), []byte(`{"cpus":2}`))
	d.must(err)
	d.facts.Memory = model.MiB // what was declared does not fit any more
	from, before := d.log.Size(), d.revision()
	dry := root
	dry.DryRun = true
	preview, err := d.Harden(t.Context(), dry, wire.Harden{})
	d.must(err)
	_, err = d.Harden(t.Context(), root, wire.Harden{KeyHash: string(theHash)})
	told(t, err, fault.Precondition, "cannot be hardened yet", "record 7 was edited", "HV-PHASE-010", "HV-PHASE-012", "vm.edit of vm/web")
	if !preview.Preview.Refused || len(preview.Preview.Findings) < 2 {
		t.Errorf("the dry run says %+v", preview.Preview)
	}
	if _, outcome := last(t, d, from); outcome.Result != "refused" || d.revision() != before || d.phase() != phase.Setup {
		t.Errorf("%+v", outcome)
	}
	_ = res
}

func TestADryRunSaysWhatWasLookedAt(t *testing.T) {
	d := newDesk(t)
	d.AuditWhole = func(context.Context) error { return nil }
	dry := root
	dry.DryRun = true
	res, err := d.Harden(t.Context(), dry, wire.Harden{})
	d.must(err)
	var steps []string
	for _, s := range res.Preview.Plan {
		steps = append(steps, s.Name)
	}
	text := strings.Join(steps, "\n")
	for _, want := range []string{"an admin exists: root", "no network listener", "audit log is whole", "generation 0", "held back for 10m0s"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if d.phase() != phase.Setup {
		t.Error("a dry run hardens")
	}
}

func TestEachChangeOfThePhaseIsRecordedBeforeItTakesEffect(t *testing.T) {
	d := newDesk(t)
	d.paper.out.Store(true)
	_, err := d.Harden(t.Context(), root, wire.Harden{KeyHash: string(theHash)})
	told(t, err, fault.Exhausted, "nothing is done that the audit log cannot record")
	d.paper.out.Store(false)
	if d.phase() != phase.Setup {
		t.Fatal("hardened without a record")
	}
	d.harden()
	if d.phase() != phase.Hardened {
		t.Fatal("not hardened")
	}
	records := d.records(0)
	intent, outcome := records[len(records)-2], records[len(records)-1]
	if intent.Action != "phase.harden" || intent.Phase != audit.Intent || intent.Params["key"] != theHash.ID() || outcome.Result != "done" {
		t.Errorf("%+v\n%+v", intent, outcome)
	}

	d.paper.out.Store(true)
	_, err = d.Unlock(t.Context(), root, wire.Unlock{Key: theKey.Text()})
	told(t, err, fault.Exhausted, "nothing is done")
	if p, _ := d.Phase(t.Context()); p.Unlock != nil {
		t.Error("an unlock without a record")
	}
	d.paper.out.Store(false)
	_, err = d.Unlock(t.Context(), root, wire.Unlock{Key: theKey.Text()})
	d.must(err)
	d.seal.Advance(time.Hour)
	d.paper.out.Store(true)
	if _, err := d.OpenDue(t.Context()); fault.KindOf(err) != fault.Exhausted || d.phase() != phase.Hardened {
		t.Errorf("an unlock takes effect without a record: %v, %s", err, d.phase())
	}
	d.paper.out.Store(false)
	from := d.log.Size()
	_, err = d.OpenDue(t.Context())
	d.must(err)
	if r := d.records(from); len(r) != 1 || r[0].Phase != audit.Note || r[0].Action != "phase.unlock" || !strings.Contains(r[0].Result, "takes effect") {
		t.Errorf("%+v", r)
	}
	if d.phase() != phase.Setup {
		t.Error("still hardened")
	}
	d.create("web")
	closed(t, d)
}

func TestAnUnlockWaitsForItsTimeAndIsCalledOff(t *testing.T) {
	d := newDesk(t)
	d.harden()
	unlock := func() { _, err := d.Unlock(t.Context(), root, wire.Unlock{Key: theKey.Text()}); d.must(err) }
	unlock()
	d.seal.Advance(9 * time.Minute)
	if nap, err := d.OpenDue(t.Context()); err != nil || nap <= 0 || nap > time.Minute || d.phase() != phase.Hardened {
		t.Errorf("%s %v %s", nap, err, d.phase())
	}
	_, err := d.Relock(t.Context(), root)
	d.must(err)
	d.seal.Advance(time.Hour)
	if _, err := d.OpenDue(t.Context()); err != nil || d.phase() != phase.Hardened {
		t.Errorf("it was called off: %v %s", err, d.phase())
	}
	unlock()
	d.seal.Advance(10 * time.Minute)
	_, err = d.OpenDue(t.Context())
	d.must(err)
	if d.phase() != phase.Setup {
		t.Error("still hardened")
	}
}

// What would be refused at every boot is not sealed.
func TestAHostWhoseFileSaysSomethingElseIsNotHardened(t *testing.T) {
	d := newDesk(t)
	d.DeclaredBy = "/etc/hyper-nixos/declaration.json"
	text, unreadable := `{"hypervisor":{"vms":{"web":{"memory":"256MiB"}}}}`, error(nil)
	d.Declared = func(ctx context.Context) (config.Declaration, error) {
		if unreadable != nil {
			return config.Declaration{}, unreadable
		}
		return config.ReadString(ctx, config.JSON, "declaration.json", text)
	}
	_, err := d.ApplyConfig(t.Context(), atBoot, d.declare(text))
	d.must(err)
	d.ends()
	text = `{"hypervisor":{"vms":{"web":{"memory":"512MiB"}}}}`
	_, err = d.Harden(t.Context(), root, wire.Harden{KeyHash: string(theHash)})
	told(t, err, fault.Precondition, "HV-PHASE-011", "declaration.json says something else than what stands")
	unreadable = errors.New("line 3 ends too soon")
	_, err = d.Harden(t.Context(), root, wire.Harden{KeyHash: string(theHash)})
	told(t, err, fault.Precondition, "cannot be read: line 3 ends too soon")
	text, unreadable = `{"hypervisor":{"vms":{"web":{"memory":"256MiB"}}}}`, nil
	d.harden()
}

func TestOnlyRootChangesThePhase(t *testing.T) {
	d := newDesk(t)
	_, err := d.Harden(t.Context(), member, wire.Harden{KeyHash: string(theHash)})
	told(t, err, fault.Denied, "only root may harden", "HV-AUTH-001")
	d.harden()
	_, err = d.Unlock(t.Context(), member, wire.Unlock{Key: theKey.Text()})
	told(t, err, fault.Denied, "HV-AUTH-001")
	_, err = d.Relock(t.Context(), member)
	told(t, err, fault.Denied, "HV-AUTH-001")
}

func TestAWrongKeyIsAFailedAttemptInTheAuditLog(t *testing.T) {
	d := newDesk(t)
	d.harden()
	from := d.log.Size()
	other := recovery.New([recovery.Random]byte{9})
	_, err := d.Unlock(t.Context(), root, wire.Unlock{Key: other.Text()})
	told(t, err, fault.Denied, "not the recovery key", "HV-PHASE-006", theHash.ID())
	if _, outcome := last(t, d, from); outcome.Result != "failed" || strings.Contains(outcome.Error, other.Text()) {
		t.Errorf("%+v", outcome)
	}
	_, err = d.Unlock(t.Context(), root, wire.Unlock{Key: theKey.Text()})
	told(t, err, fault.Exhausted, "HV-PHASE-007")
}

// The answer to a harden was lost: the same call again is the same harden, another key is refused.
func TestHardeningAgainWithTheSameKeyIsAnswered(t *testing.T) {
	d := newDesk(t)
	d.harden()
	d.harden()
	_, err := d.Harden(t.Context(), root, wire.Harden{KeyHash: string(recovery.HashOf(theKey, [recovery.SaltBytes]byte{1}))})
	told(t, err, fault.Precondition, "hardened already", "HV-PHASE-005")
}

func TestASealedDeclarationIsAppliedAgainAtBootAndNoOther(t *testing.T) {
	d := newDesk(t)
	sealed := d.declare(`{"hypervisor":{"hardening":{"unlockDelay":"90s"},"vms":{"web":{"memory":"256MiB"}}}}`)
	other := d.declare(`{"hypervisor":{"vms":{"web":{"memory":"512MiB"}}}}`)
	_, err := d.ApplyConfig(t.Context(), root, sealed)
	d.must(err)
	d.harden()
	if p, _ := d.Phase(t.Context()); p.UnlockDelay != 90 {
		t.Errorf("the declared delay is not sealed: %+v", p)
	}
	for name, text := range map[string][]byte{"the sealed one": sealed, "another": other} {
		_, err := d.ApplyConfig(t.Context(), root, text)
		told(t, err, fault.Denied, "HV-PHASE-001", "only the sealed declaration, applied again at boot")
		_ = name
	}
	_, err = d.ApplyConfig(t.Context(), atBoot, other)
	told(t, err, fault.Denied, "HV-PHASE-003", "not the declaration that was sealed")
	// Written elsewhere, in another form, it says the same.
	decl, err := config.ReadString(t.Context(), config.YAML, "other.yaml", "hypervisor:\n  hardening: {unlockDelay: 90s}\n  vms: {web: {memory: 256MiB}}\n")
	d.must(err)
	same, err := decl.Encode()
	d.must(err)
	_, err = d.ApplyConfig(t.Context(), atBoot, same)
	d.must(err)

	// A VM of it that is gone, in a store that was put back, is wished for again, by that way alone.
	o := d.object("web")
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeleteOp(store.SpecKey(vmRef(ref("web"))))}})
	d.must(err)
	_, err = d.ApplyConfig(t.Context(), atBoot, sealed)
	d.must(err)
	if again := d.object("web"); again.Origin != model.Declared || again.UID == o.UID {
		t.Errorf("%+v", again.Metadata)
	}
	_, err = d.CreateVM(t.Context(), atBoot, "default", definition("more"))
	told(t, err, fault.Denied, "HV-PHASE-001")
}

func TestAnApplyThatWasCutOffIsFinishedOnlyIfItWasSealed(t *testing.T) {
	cut := func(d *desk) { // as a daemon leaves it that was cut off
		stands, _, err := d.standing(t.Context())
		d.must(err)
		stands.Complete = false
		put, err := store.PutJSON(configKey(), stands.Applied, 0)
		d.must(err)
		_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{put, store.DeleteOp(store.SpecKey(vmRef(ref("web"))))}})
		d.must(err)
	}
	d := newDesk(t)
	_, err := d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{"vms":{"web":{"memory":"256MiB"}}}}`))
	d.must(err)
	d.harden()
	cut(d)
	d.must(d.Resume(t.Context(), atBoot))
	d.object("web")

	// A store from before the last declaration.
	stands, _, err := d.standing(t.Context())
	d.must(err)
	stands.Declaration, stands.Digest = d.declare(`{"hypervisor":{"vms":{"web":{"memory":"512MiB"}}}}`), ""
	put, err := store.PutJSON(configKey(), stands.Applied, 0)
	d.must(err)
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{put}})
	d.must(err)
	cut(d)
	told(t, d.Resume(t.Context(), atBoot), fault.Denied, "not finished", "HV-PHASE-003")
	if d.has(store.SpecKey(vmRef(ref("web")))) {
		t.Error("it was wished for all the same")
	}
}

func TestAMediumComesOutOfADriveOfAHardenedHostAndNoneGoesIn(t *testing.T) {
	d := newDesk(t)
	d.volume("iso")
	d.create("web", func(def *vm.Definition) { def.CDROMs = map[string]vm.CDROM{"cd": {Volume: "iso"}} })
	d.harden()
	in, out := wire.MediumOptions{Drive: "cd", Volume: "iso"}, wire.MediumOptions{Drive: "cd"}
	_, err := d.ChangeMedium(t.Context(), member, ref("web"), in)
	told(t, err, fault.Denied, "HV-PHASE-001", "only taking a medium out")
	_, err = d.ChangeMedium(t.Context(), member, ref("web"), out)
	d.must(err)
	if v := d.object("web").Spec.CDROMs["cd"].Volume; v != "" {
		t.Errorf("%q is still in it", v)
	}
	_, err = d.EditVM(t.Context(), member, ref("web"), []byte(`{"cdroms":{"cd":{"volume":null}}}`))
	told(t, err, fault.Denied, "HV-PHASE-001")
}

func TestWhileHvHelperIsAwayItsLastWordCounts(t *testing.T) {
	d := newDesk(t)
	d.seal.Away(true)
	_, err := d.CreateVM(t.Context(), member, "default", definition("web"))
	told(t, err, fault.Unavailable, "cannot find out whether the host is hardened", "HV-PHASE-002")
	if err := d.Authorize(t.Context(), member, VMStart); err != nil {
		t.Errorf("what is done in both phases is asked for: %v", err)
	}
	d.seal.Away(false)
	d.create("web")
	d.seal.Away(true)
	d.create("db")
	d.seal.Away(false)
	d.harden()
	d.seal.Away(true)
	_, err = d.CreateVM(t.Context(), member, "default", definition("more"))
	told(t, err, fault.Denied, "HV-PHASE-001")
}

func TestASealThatCannotBeReadHolds(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	d.must(os.WriteFile(d.seal.Path(), []byte("{"), 0o600))
	d.seal.Restart()
	_, err := d.CreateVM(t.Context(), member, "default", definition("more"))
	told(t, err, fault.Denied, "HV-PHASE-001")
	_, err = d.Unlock(t.Context(), root, wire.Unlock{Key: theKey.Text()})
	told(t, err, fault.Precondition, "HV-PHASE-015")
	d.must(d.Resume(t.Context(), atBoot)) // there is nothing to resume
}

// Members make VMs all the time while the host is hardened: each is there before, or refused.
func TestNothingThatPassedTheGateBeforeComesTrueAfter(t *testing.T) {
	d := newDesk(t)
	var wg sync.WaitGroup
	made := make(chan string, 64)
	for i := range 8 {
		wg.Go(func() {
			for n := range 4 {
				name := string(rune('a'+i)) + string(rune('a'+n))
				if _, err := d.CreateVolume(t.Context(), member, "default", newVolume(name)); err == nil {
					made <- name
				} else if fault.CodeOf(err) != "HV-PHASE-001" {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for { // until nothing is under way just then
			d.ends()
			_, err := d.Harden(t.Context(), root, wire.Harden{KeyHash: string(theHash)})
			if err == nil {
				return
			}
			if fault.KindOf(err) != fault.Precondition {
				t.Error(err)
				return
			}
		}
	})
	wg.Wait()
	close(made)
	ops, _, err := store.ListAll[operation.Wish](t.Context(), d.Store, store.SpecPrefix("operation"))
	d.must(err)
	var hardened int64
	for _, op := range ops {
		if op.Value.Action == "phase.harden" {
			hardened = op.ModRevision
		}
	}
	for name := range made {
		kv, err := d.Store.Get(t.Context(), volumeKey("default", name))
		d.must(err)
		if kv.ModRevision > hardened {
			t.Errorf("volume %s was made after the host was hardened", name)
		}
	}
}
