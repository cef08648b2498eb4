package vm

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestEveryInstanceTypeIsFoundAndMakesAVM(t *testing.T) {
	for _, i := range InstanceTypes() {
		found, err := FindInstanceType(i.Name)
		if err != nil || found != i {
			t.Errorf("%s: %+v %v", i.Name, found, err)
		}
		if i.CPUs < 1 || i.Memory%model.MiB != 0 || i.Disk < model.GiB || i.What == "" {
			t.Errorf("%+v", i)
		}
		if err := model.CheckName("instance type", i.Name); err != nil {
			t.Error(err)
		}
	}
	if _, err := FindInstanceType("huge"); fault.KindOf(err) != fault.NotFound || fault.HintOf(err) == "" {
		t.Error(err)
	}
}
