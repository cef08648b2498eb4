//go:build linux

package reconcile_test

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

func on(def *vm.Definition) { def.Power = vm.On }

func TestAVMStartsAndStops(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	d.Done(d.Verb("stop", "web"))
	d.State("web", vm.StateOff)
}
