package plan

import (
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestAnImageIsMadeOnceAndGoesWhenNothingStandsOnIt(t *testing.T) {
	gone := time.Unix(1, 0)
	here, deleted := storage.Image{Metadata: model.Metadata{Name: "i"}}, storage.Image{Metadata: model.Metadata{Name: "i", Deleted: &gone}}
	for name, c := range map[string]struct {
		in      ImageInput
		step    Kind
		reached bool
		removed bool
		kind    fault.Kind
	}{
		"new":                {ImageInput{Wish: here}, MakeImage, true, false, fault.Internal},
		"made":               {ImageInput{Wish: here, Exists: true, Status: storage.ImageStatus{Ready: true}}, "", true, false, fault.Internal},
		"made, not noted":    {ImageInput{Wish: here, Exists: true}, "", true, false, fault.Internal},
		"lost":               {ImageInput{Wish: here, Status: storage.ImageStatus{Ready: true}}, "", false, false, fault.NotFound},
		"deleted":            {ImageInput{Wish: deleted, Exists: true}, DeleteImage, true, true, fault.Internal},
		"deleted, in use":    {ImageInput{Wish: deleted, Exists: true, UsedBy: []string{"volume/v"}}, "", false, false, fault.Internal},
		"deleted, half made": {ImageInput{Wish: deleted}, DeleteImage, true, true, fault.Internal},
	} {
		p, err := Image(c.in)
		step := Kind("")
		if len(p.Steps) > 0 {
			step = p.Steps[0].Kind
		}
		if step != c.step || p.Reached != c.reached || p.Removed != c.removed || (err == nil) != (c.kind == fault.Internal) || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}
