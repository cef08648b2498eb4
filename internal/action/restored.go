package action

import (
	"context"
	"fmt"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// TakeUp makes the wishes of a store that was put back from a snapshot fit what runs: the snapshot may be
// from before a VM was started, and nothing that runs is ended because of that. at is when it was put back, zero where
// that is not known and what was sealed was put back on it. look says what is there of
// a VM. It is for the start, before anybody reconciles; it may run twice. It returns the VMs whose wish it has changed.
func (a *Actions) TakeUp(ctx context.Context, at time.Time, look func(ctx context.Context, uuid string) (vm.Seen, error)) ([]model.Ref, error) {
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	if err != nil {
		return nil, err
	}
	var taken []model.Ref
	for _, o := range all {
		ref := model.Ref{Project: o.Value.Project, Name: o.Value.Name}
		seen, err := look(ctx, o.Value.Spec.UUID)
		if err != nil {
			return taken, fault.Wrap(err, "cannot find out whether vm %q runs", ref.String())
		}
		st, err := a.power(ctx, o.Value)
		if err != nil {
			return taken, err
		}
		power, ok := takenUp(o.Value, st, seen)
		if !ok {
			continue
		}
		if err := a.takeUp(ctx, at, o, power); err != nil {
			return taken, fault.Wrap(err, "cannot take up vm %q, which runs", ref.String())
		}
		taken = append(taken, ref)
	}
	return taken, nil
}

// takenUp returns the power that what runs comes to, where the wish is to end it. A guest that has powered
// itself off is at its end already, and a deletion goes on.
func takenUp(o vm.Object, st vm.PowerStatus, seen vm.Seen) (vm.Power, bool) {
	used := st.Ended != nil && st.Ended.PowerGeneration >= o.PowerGeneration
	off := o.Spec.Power == "" || o.Spec.Power == vm.Off || o.Spec.Power == vm.Suspended || used
	if seen.Process == nil || o.Deleted != nil || !off {
		return "", false
	}
	switch seen.RunState {
	case "shutdown", "guest-panicked", "internal-error":
		return "", false
	case "paused":
		return vm.Paused, true
	}
	return vm.On, true
}

func (a *Actions) takeUp(ctx context.Context, at time.Time, have store.Object[vm.Object], power vm.Power) error {
	o := have.Value
	o.Spec.Power = power
	o.Generation++
	o.PowerGeneration = o.Generation
	put, err := store.PutJSON(have.Key, o, 0)
	if err != nil {
		return err
	}
	_, err = a.Audit.Append(ctx, audit.Record{
		Time: a.Now(), Actor: audit.Actor{UID: -1, User: "hvd", Via: "boot"}, Action: "vm.adopt", Phase: audit.Note,
		Target: vmTarget(model.Ref{Project: o.Project, Name: o.Name}).String(),
		Result: fmt.Sprintf("it runs, and stays %s: %s", power, putBack(at)),
	})
	if err != nil {
		return fault.Wrap(err, "nothing is done that the audit log cannot record")
	}
	_, err = a.Store.Commit(ctx, store.Txn{If: []store.Cmp{store.ModRevision(have.Key, have.ModRevision)}, Then: []store.Op{put}})
	return err
}

func putBack(at time.Time) string {
	if at.IsZero() {
		return "the sealed declaration was put back, and the store knew it as off, or not at all"
	}
	return "the store was put back at " + at.UTC().Format(time.RFC3339) + " to a state in which it was off"
}
