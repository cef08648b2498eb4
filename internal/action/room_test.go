package action

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
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
	if _, err := d.DeleteVolume(t.Context(), member, model.Ref{Project: model.DefaultProject, Name: "old"}); err != nil || given != 1 {
		t.Errorf("a deletion: %v, reserve given %d times", err, given)
	}
}
