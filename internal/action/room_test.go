package action

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

func TestOnAFullDiskTheReserveIsGivenUpForWhatMakesRoomAndForNothingElse(t *testing.T) {
	d := newDesk(t)
	if _, err := d.CreateVolume(t.Context(), member, model.DefaultProject, newVolume("old")); err != nil {
		t.Fatal(err)
	}
	given := 0
	d.MakeRoom = func() bool {
		given++
		d.paper.out.Store(false)
		return given == 1
	}
	d.paper.out.Store(true)
	if _, err := d.CreateVolume(t.Context(), member, model.DefaultProject, newVolume("new")); fault.KindOf(err) != fault.Exhausted || given != 0 {
		t.Errorf("a new volume: %v, reserve given %d times", err, given)
	}
	if _, err := d.DeleteVolume(t.Context(), member, model.Ref{Project: model.DefaultProject, Name: "old"}, true); err != nil || given != 1 {
		t.Errorf("a deletion: %v, reserve given %d times", err, given)
	}
}

func TestOnAFullDiskTheReserveIsGivenUpForAnOutcome(t *testing.T) {
	d := newDesk(t)
	res, err := d.CreateVM(t.Context(), member, model.DefaultProject, definition("web"))
	d.must(err)
	given := 0
	d.MakeRoom = func() bool {
		given++
		d.paper.out.Store(false)
		return true
	}
	d.paper.out.Store(true)
	from := d.log.Size()
	op := *res.Operation
	op.State = operation.Done
	d.Ended(t.Context(), op)
	if all := d.records(from); given != 1 || len(all) != 1 || all[0].Result != string(operation.Done) || all[0].Intent != op.AuditSeq {
		t.Errorf("reserve given %d times, recorded %+v", given, all)
	}
}
