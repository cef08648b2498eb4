package reconcile

import (
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAskingForARebootIsRefusedOnlyWhereNothingRuns(t *testing.T) {
	process := &vm.Process{PID: 7}
	for name, c := range map[string]struct {
		seen vm.Seen
		kept bool
	}{
		"it runs":                        {vm.Seen{Process: process, RunState: "running"}, true},
		"its QEMU does not answer (yet)": {vm.Seen{Process: process, Silent: "no greeting"}, true},
		"it has just powered itself off": {vm.Seen{Process: process, RunState: "shutdown"}, true},
		"it is paused":                   {vm.Seen{Process: process, RunState: "paused"}, false},
		"there is no process":            {vm.Seen{}, false},
	} {
		e := &Engine{ops: &ops{now: time.Now}}
		op := &operation.Operation{Wish: operation.Wish{Action: "vm.reboot", AuditSeq: 1}, Status: operation.Status{State: operation.Done}} // its end is not written here
		left := e.refuseEdges(t.Context(), plan.VMInput{Seen: c.seen}, []*operation.Operation{op})
		if got := len(left) == 1; got != c.kept {
			t.Errorf("%s: kept %v, want %v", name, got, c.kept)
		}
	}
}
