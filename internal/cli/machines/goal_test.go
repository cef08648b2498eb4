package machines

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAGoalIsAStateOrWhatLabelsAreLike(t *testing.T) {
	v := wire.VM{Metadata: model.Metadata{Labels: map[string]string{"tier": "web", "empty": ""}, Generation: 2}}
	for text, there := range map[string]bool{
		"off": true, "running": false, "deleted": false, "label=tier": true, "label=tier=web": true, "label=tier=db": false, "label=none": false,
		"label!none": true, "label!tier": false, "label=empty": true, "label=tier in (web,db)": true, "pending-none": false,
	} {
		g, err := parseGoal(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if state, got := g.seen(v); got != there || state != "off" {
			t.Errorf("%s is %v of a VM that is %s", text, got, state)
		}
	}
	v.Status.Power = &vm.PowerStatus{State: vm.StateRunning, ObservedGeneration: 2}
	if g, err := parseGoal("pending-none"); err != nil {
		t.Error(err)
	} else if _, got := g.seen(v); !got {
		t.Error("nothing is pending, and it is waited for")
	}
	for _, text := range []string{"", "godot", "label", "label=", "label!", "label=a b", "labels=a"} {
		if g, err := parseGoal(text); err == nil {
			t.Errorf("%q is read as %+v", text, g)
		}
	}
}

func FuzzGoal(f *testing.F) {
	f.Add("label=tier=web")
	f.Fuzz(func(_ *testing.T, text string) {
		if g, err := parseGoal(text); err == nil {
			g.seen(wire.VM{})
			g.reached("web")
		}
	})
}
