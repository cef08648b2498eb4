package action

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func newVolume(name string) wire.CreateVolume {
	return wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Size: 1 << 20}}
}

// closed checks that every outcome names an intent of the same action and target, and none twice.
func closed(t *testing.T, d *desk) {
	t.Helper()
	intents := map[int64]audit.Record{}
	for _, r := range d.records(0) {
		switch r.Phase {
		case audit.Note:
		case audit.Intent:
			intents[r.Seq] = r
		case audit.Outcome:
			i, ok := intents[r.Intent]
			if !ok || i.Action != r.Action || i.Target != r.Target || i.Actor != r.Actor {
				t.Errorf("outcome %+v belongs to intent %+v (%v)", r, i, ok)
			}
			delete(intents, r.Intent)
		}
	}
}

// last is the newest outcome, with its intent.
func last(t *testing.T, d *desk, after int64) (intent, outcome audit.Record) {
	t.Helper()
	all := d.records(after)
	if len(all) != 2 || all[0].Phase != audit.Intent || all[1].Phase != audit.Outcome || all[1].Intent != all[0].Seq {
		t.Fatalf("records are %+v", all)
	}
	return all[0], all[1]
}

func TestEveryChangeIsRecordedWithItsActorItsIntentAndItsOutcome(t *testing.T) {
	d := newDesk(t)
	t.Run("done by somebody else", func(t *testing.T) {
		from := d.log.Size()
		res, err := d.CreateVM(t.Context(), member, "default", definition("web"))
		d.must(err)
		if n := len(d.records(from)); n != 1 {
			t.Fatalf("%d records before anybody has done it", n)
		}
		for _, state := range []operation.State{operation.Done, operation.Failed, operation.Cancelled, operation.Superseded} {
			from := d.log.Size()
			op := *res.Operation
			op.State = state
			if state == operation.Failed {
				op.Error = &operation.Problem{What: "no QEMU"}
			}
			d.Ended(t.Context(), op)
			r := d.records(from)[0]
			if r.Result != string(state) || r.Intent != res.Operation.AuditSeq || r.Operation != op.ID || r.Actor.UID != 1000 || (state == operation.Failed) != (r.Error == "no QEMU") {
				t.Errorf("%s is recorded as %+v", state, r)
			}
		}
	})
	t.Run("done at once", func(t *testing.T) {
		from := d.log.Size()
		_, err := d.ImportVolume(t.Context(), member, "default", newVolume("data"), 512, strings.NewReader(strings.Repeat("x", 512)))
		d.must(err)
		intent, outcome := last(t, d, from)
		if intent.Action != "volume.import" || intent.Target != "volume/data" || intent.Actor.User != "ann" || outcome.Result != "done" {
			t.Errorf("%+v\n%+v", intent, outcome)
		}
	})
	refusals := map[string]func() error{
		"not allowed":    func() error { _, err := d.ApplyConfig(t.Context(), member, d.declare(`{}`)); return err },
		"unreadable":     func() error { _, err := d.ApplyConfig(t.Context(), root, []byte("{")); return err },
		"exists already": func() error { _, err := d.CreateVM(t.Context(), member, "default", definition("web")); return err },
		"no such VM": func() error {
			_, err := d.PowerVM(t.Context(), member, VMStart, ref("db"), wire.VerbOptions{})
			return err
		},
		"a name too long": func() error {
			_, err := d.CreateVM(t.Context(), member, "default", definition(strings.Repeat("x", 9999)))
			return err
		},
		"no such operation": func() error { _, err := d.CancelOperation(t.Context(), member, "zz"); return err },
		"a short image": func() error {
			_, err := d.ImportVolume(t.Context(), member, "default", newVolume("short"), 1024, strings.NewReader("x"))
			return err
		},
		"a short kernel": func() error {
			_, err := d.ImportBootFile(t.Context(), member, ref("k"), storage.KernelFile, 1024, strings.NewReader("x"))
			return err
		},
		"a console of a VM that is off": func() error { return d.OpenConsole(t.Context(), member, ref("web")) },
	}
	for name, ask := range refusals {
		t.Run(name, func(t *testing.T) {
			from := d.log.Size()
			why := ask()
			if why == nil {
				t.Fatal("it was not refused")
			}
			if _, outcome := last(t, d, from); outcome.Result != "refused" || outcome.Error != why.Error() && len(outcome.Error) < 4000 {
				t.Errorf("recorded as %+v, and was %v", outcome, why)
			}
		})
	}
	t.Run("a console", func(t *testing.T) {
		d.seen(vm.PowerStatus{State: vm.StateRunning})
		from := d.log.Size()
		d.must(d.OpenConsole(t.Context(), member, ref("web")))
		if _, outcome := last(t, d, from); outcome.Action != "vm.console" || outcome.Result != "done" {
			t.Errorf("recorded as %+v", outcome)
		}
	})
}

func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	d.volume("data")
	d.seen(vm.PowerStatus{State: vm.StateRunning})
	d.paper.out.Store(true)
	before := d.revision()
	for name, ask := range map[string]func() error{
		"create": func() error { _, err := d.CreateVM(t.Context(), member, "default", definition("db")); return err },
		"edit":   func() error { _, err := d.EditVM(t.Context(), member, ref("web"), []byte(`{"cpus":2}`)); return err },
		"start": func() error {
			_, err := d.PowerVM(t.Context(), member, VMStart, ref("web"), wire.VerbOptions{})
			return err
		},
		"delete": func() error {
			_, err := d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{Force: true})
			return err
		},
		"volume": func() error { _, err := d.CreateVolume(t.Context(), member, "default", newVolume("more")); return err },
		"import": func() error {
			_, err := d.ImportVolume(t.Context(), member, "default", newVolume("more"), 512, strings.NewReader(strings.Repeat("x", 512)))
			return err
		},
		"kernel": func() error {
			_, err := d.ImportBootFile(t.Context(), member, ref("k"), storage.KernelFile, 1, strings.NewReader("x"))
			return err
		},
		"apply":   func() error { _, err := d.ApplyConfig(t.Context(), root, d.declare(`{}`)); return err },
		"console": func() error { return d.OpenConsole(t.Context(), member, ref("web")) },
	} {
		t.Run(name, func(t *testing.T) {
			told(t, ask(), fault.Exhausted, "nothing is done that the audit log cannot record")
		})
	}
	if d.revision() != before {
		t.Error("something was done all the same")
	}
	if left := d.files(); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
}
