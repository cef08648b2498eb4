package operation

import (
	"encoding/json"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestEveryStateIsAnEndOrIsNot(t *testing.T) {
	for s, want := range map[State]bool{"": false, Pending: false, Running: false, Done: true, Failed: true, Cancelled: true, Superseded: true} {
		if s.Ended() != want {
			t.Errorf("%q ended: %v", s, s.Ended())
		}
	}
}

func TestATargetIsNamedAsPeopleNameIt(t *testing.T) {
	for want, target := range map[string]Target{
		"vm/web":     {Kind: "vm", Ref: model.Ref{Project: "default", Name: "web"}},
		"vm/lab/web": {Kind: "vm", Ref: model.Ref{Project: "lab", Name: "web"}},
	} {
		if target.String() != want {
			t.Errorf("%s, want %s", target, want)
		}
	}
}

func TestAnOperationIsOneObjectOfItsWishAndItsStatus(t *testing.T) {
	in := `{"id":"a1","action":"vm.start","target":{"kind":"vm","project":"default","name":"web"},"actor":{"uid":0,"via":"socket"},"created":"2026-01-02T12:00:00Z","generation":2,"before":"off","state":"running","steps":[{"name":"launch QEMU","state":"done"}]}`
	var op Operation
	if err := json.Unmarshal([]byte(in), &op); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(op)
	if err != nil || string(out) != in {
		t.Errorf("%v\n in %s\nout %s", err, in, out)
	}
}
