package follow

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

func op(state operation.State, steps ...operation.Step) operation.Operation {
	return operation.Operation{
		Wish:   operation.Wish{ID: "7f3a", Action: "vm.start", Target: operation.Target{Kind: "vm", Ref: model.Ref{Name: "web"}}},
		Status: operation.Status{State: state, Steps: steps},
	}
}

func TestTheEndOfAnOperationIsToldAsAnError(t *testing.T) {
	failed := op(operation.Failed)
	failed.Error = &operation.Problem{Kind: "exhausted", Code: "HV-VM-012", What: "there is no room", Hint: "make some"}
	for name, c := range map[string]struct {
		op   operation.Operation
		kind fault.Kind
		says string
	}{
		"failed":             {failed, fault.Exhausted, "there is no room"},
		"failed, no reason":  {op(operation.Failed), fault.Internal, "operation 7f3a failed and does not say why"},
		"cancelled":          {op(operation.Cancelled), fault.Conflict, "operation 7f3a was cancelled"},
		"superseded":         {op(operation.Superseded), fault.Conflict, "a newer wish took the place of operation 7f3a"},
		"an unheard-of kind": {op(operation.Failed), fault.Internal, "operation 7f3a failed and does not say why"},
	} {
		if err := failure(c.op); err == nil || !errors.Is(err, c.kind) || err.Error() != c.says {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := failure(op(operation.Done)); err != nil {
		t.Error(err)
	}
	if got := fault.HintOf(failure(failed)) + fault.CodeOf(failure(failed)); got != "make someHV-VM-012" {
		t.Error(got)
	}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if kindOf(k.Error()) != k {
			t.Errorf("%v is not read back", k)
		}
	}
	if kindOf("cosmic ray") != fault.Internal {
		t.Error("a kind that nobody knows is our mistake")
	}
}

func TestAWaitThatEndedSaysWhatGoesOn(t *testing.T) {
	for cause, code := range map[error]report.Code{report.ErrInterrupted: report.Interrupted, report.ErrTimeUp: report.TimeUp} {
		err := broken(cause, op(operation.Running), "7f")
		if report.CodeOf(err) != code || !WentOn(err) || err.Error() != "operation 7f3a (vm.start web) goes on" {
			t.Errorf("%v", err)
		}
	}
	if err := broken(report.ErrTimeUp, operation.Operation{}, "7f"); err.Error() != "operation 7f goes on" {
		t.Error(err)
	}
	if err := broken(fault.Unavailable, op(operation.Running), "7f"); WentOn(err) {
		t.Error("a daemon that is gone is no end of patience")
	}
}

func TestPicturesSayWhatIsDoneAndForHowLong(t *testing.T) {
	begun := time.Now()
	done := operation.Step{Name: "make room", State: operation.Done, Started: &begun}
	for want, o := range map[string]operation.Operation{
		"3.0 s":                                   {},
		"vm/web: waiting for its turn 3.0 s":      op(operation.Pending),
		"vm/web: running 3.0 s":                   op(operation.Running),
		"vm/web: waiting (done: make room) 3.0 s": op(operation.Running, done),
		"vm/web: launch 3.0 s":                    op(operation.Running, done, operation.Step{Name: "launch", State: operation.Running}),
		"vm/web: copy [###########...........] 50 %": op(operation.Running, operation.Step{
			Name: "copy", State: operation.Running, Progress: &operation.Progress{Done: 5, Total: 10, Unit: "bytes"},
		}),
	} {
		if got := describe(o, 3*time.Second); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if got := sending("disk.img", 0, model.GiB, 4*model.GiB, 2*time.Second); got != "disk.img [#####.................] 25 %  1GiB of 4GiB  512MiB/s" {
		t.Error(got)
	}
	if got := sending("disk.img", 1, 4*model.GiB, 4*model.GiB, 2*time.Second); got != "/ disk.img: sent, being stored" {
		t.Error(got)
	}
}

func TestTheOperationsOfAnApplyAreItsParameters(t *testing.T) {
	o := op(operation.Done)
	if got := Applied(o); len(got) != 0 {
		t.Error(got)
	}
	o.Params = map[string]string{"operations": "a,b, c"}
	if diff := cmp.Diff([]string{"a", "b", "c"}, Applied(o)); diff != "" {
		t.Error(diff)
	}
}
