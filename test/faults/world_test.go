//go:build linux

package faults_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// world is a host, and what everybody who was answered may rely on.
type world struct {
	t     *testing.T
	pick  func(n int) int // a number below n
	host  *fakehost.Host
	d     *fakehost.Daemon // nil between two lives
	names []string
	want  map[string]wanted
	kept  map[string]int // VM → the process that it had at the last reckoning, while nothing is wished that ends it
	asked []operation.Operation
	log   []string
}

// wanted is what was last acknowledged of one VM. Its zero value is a VM that does not exist.
type wanted struct {
	there      bool
	power      vm.Power
	cpus       int
	generation int64 // of the object when its power was wished
	unsure     bool  // the last call was not answered: either is right
}

func newWorld(t *testing.T, pick func(int) int, names []string) *world {
	return &world{t: t, pick: pick, host: fakehost.New(t), names: names, want: map[string]wanted{}, kept: map[string]int{}}
}

func (w *world) note(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// last is what happened last, for who has to find out why.
func (w *world) last() string {
	out := ""
	for _, line := range w.log[max(0, len(w.log)-30):] {
		out += "\n  " + line
	}
	return out
}

// boot begins the next life of the daemon. It may be cut off before it serves.
func (w *world) boot(points, helper *fakehost.Points) {
	d, err := w.host.Boot(points, helper)
	if err != nil {
		w.note("boot: %v", err)
		return
	}
	w.d = d
	w.learn()
}

// down ends its life.
func (w *world) down() {
	if w.d != nil {
		w.d.Stop()
		w.d = nil
	}
}

// learn finds out what became of calls that were not answered. It is one of two things, whole.
func (w *world) learn() {
	for _, name := range w.names {
		if !w.want[name].unsure {
			continue
		}
		o, _, err := store.Get[vm.Object](context.Background(), w.host.Store, store.SpecKey(store.Ref{Kind: "vm", Project: "default", Name: name}))
		switch {
		case fault.KindOf(err) == fault.NotFound && err != nil, err == nil && o.Deleted != nil:
			w.want[name] = wanted{}
		case err != nil:
			w.t.Fatal(err)
		default:
			w.want[name] = wanted{there: true, power: o.Spec.Power, cpus: o.Spec.CPUs, generation: o.PowerGeneration}
		}
	}
}

// wish asks for anything at all of any VM.
func (w *world) wish() {
	name := w.names[w.pick(len(w.names))]
	switch now := w.want[name]; {
	case !now.there:
		w.create(name)
	case w.pick(12) == 0:
		w.delete(name)
	case w.pick(6) == 0:
		w.edit(name)
	case w.pick(8) == 0 && len(w.asked) > 0:
		w.cancel(w.asked[w.pick(len(w.asked))])
	default:
		w.power(name)
	}
}

// answered notes what a call came to. A call that was refused has changed nothing; one that was not answered
// may have.
func (w *world) answered(what, name string, res action.Result, err error, next func(*wanted, operation.Operation)) {
	now := w.want[name]
	switch {
	case err == nil:
		w.note("%s %s: operation %s", what, name, res.Operation.ID)
		now.unsure = false
		next(&now, *res.Operation)
		w.asked = append(w.asked, *res.Operation)
	case w.d.Points.Cut():
		w.note("%s %s: no answer: %v", what, name, err)
		now.unsure = true
		delete(w.kept, name)
	default:
		w.note("%s %s: refused: %v", what, name, err)
		if kind := fault.KindOf(err); kind != fault.Precondition && kind != fault.Conflict && kind != fault.NotFound {
			w.t.Errorf("%s %s: %v", what, name, err)
		}
		return
	}
	w.want[name] = now
}

func (w *world) create(name string) {
	power := []vm.Power{vm.On, vm.On, vm.Off, vm.Paused}[w.pick(4)]
	res, err := w.d.Actions.CreateVM(w.t.Context(), fakehost.Member, "default",
		fakehost.Tiny(name, func(d *vm.Definition) { d.Power = power; d.CPUs = 1 }))
	w.answered("create "+string(power), name, res, err, func(n *wanted, op operation.Operation) {
		*n = wanted{there: true, power: power, cpus: 1, generation: op.Generation}
	})
}

func (w *world) delete(name string) {
	res, err := w.d.Actions.DeleteVM(w.t.Context(), fakehost.Member, fakehost.Ref(name), wire.VerbOptions{Force: true})
	w.answered("delete", name, res, err, func(n *wanted, _ operation.Operation) { *n = wanted{}; delete(w.kept, name) })
}

func (w *world) edit(name string) {
	cpus := 1 + w.pick(4)
	res, err := w.d.Actions.EditVM(w.t.Context(), fakehost.Member, fakehost.Ref(name), fmt.Appendf(nil, `{"cpus":%d}`, cpus))
	w.answered("edit", name, res, err, func(n *wanted, _ operation.Operation) { n.cpus = cpus })
}

func (w *world) power(name string) {
	rows := []action.Row{action.VMStart, action.VMStop, action.VMKill, action.VMPause, action.VMReboot, action.VMResume, action.VMSuspend}
	powers := []vm.Power{vm.On, vm.Off, vm.Off, vm.Paused, "", vm.On, vm.Suspended}
	likely := map[vm.Power][]int{vm.Off: {0}, vm.On: {1, 2, 3, 4, 6}, vm.Paused: {1, 2, 5, 6}, vm.Suspended: {0, 0, 5}}[w.want[name].power]
	i := likely[w.pick(len(likely))]
	if w.pick(6) == 0 { // whatever the state
		i = w.pick(len(rows))
	}
	res, err := w.d.Actions.PowerVM(w.t.Context(), fakehost.Member, rows[i], fakehost.Ref(name), wire.VerbOptions{})
	w.answered(rows[i].Name(), name, res, err, func(n *wanted, op operation.Operation) {
		if powers[i] != "" {
			n.power, n.generation = powers[i], op.Generation
		}
		if powers[i] == vm.Off || powers[i] == vm.Suspended || rows[i] == action.VMReboot { // whose process is another one
			delete(w.kept, name)
		}
	})
}

// cancel puts back the wish from before, unless there is a newer one.
func (w *world) cancel(op operation.Operation) {
	name := op.Target.Name
	res, err := w.d.Actions.CancelOperation(w.t.Context(), fakehost.Member, op.ID)
	w.answered("cancel "+op.Action, name, res, err, func(n *wanted, _ operation.Operation) {
		if n.there && n.generation == op.Generation && op.Before != "" && vm.Power(op.Before) != n.power {
			n.power, n.generation = vm.Power(op.Before), op.Generation+1
			delete(w.kept, name)
		}
	})
	w.asked = w.asked[:len(w.asked)-min(1, len(w.asked))] // the cancellation itself cannot be cancelled
}

// settle waits until all that was asked for has ended, or something was cut off. A daemon whose hv-helper is
// cut off goes on with the next one.
func (w *world) settle(cut *fakehost.Points) {
	for _, op := range w.asked {
		select {
		case <-cut.Ended():
			return
		case <-w.d.Finished(op):
		}
	}
}

// reckon has a daemon that nobody cuts off bring everything to its end, and holds it against what was
// acknowledged.
func (w *world) reckon(when string) {
	w.boot(&fakehost.Points{}, &fakehost.Points{})
	d := w.d
	defer func() {
		if w.t.Failed() {
			for _, op := range w.asked {
				now, err := d.View.Operation(w.t.Context(), op.ID)
				w.t.Logf("%s: %s of %s: %+v, %v", when, op.Action, op.Target, now, err)
			}
			for _, name := range w.names {
				v, err := d.View.VM(w.t.Context(), fakehost.Ref(name))
				w.t.Logf("%s: vm %s: %+v %+v %v", when, name, v.Metadata, v.Status.Power, err)
			}
			w.t.Log(w.last())
		}
	}()
	for _, op := range w.asked {
		if end, err := d.View.Operation(w.t.Context(), op.ID); err == nil && !end.State.Ended() {
			d.Ended(op)
		}
	}
	w.asked = nil
	w.look()
	on := 0
	for _, name := range w.names {
		if w.reached(when, name) {
			on++
		}
	}
	if living := w.host.Living(); living != on {
		w.t.Errorf("%s: %d QEMUs live, and %d VMs have one", when, living, on)
	}
	if twice := w.host.Doubles(); twice != 0 {
		w.t.Errorf("%s: %d times a QEMU was asked for beside one that lives", when, twice)
	}
	w.down()
	w.host.Tidy()
}

// look waits until the daemon has looked at every VM: what an earlier one has written down may have changed
// since, and an edit that changes nothing is done when that was seen to.
func (w *world) look() {
	var ops []operation.Operation
	for _, name := range w.names {
		if want := w.want[name]; want.there {
			res, err := w.d.Actions.EditVM(w.t.Context(), fakehost.Member, fakehost.Ref(name), fmt.Appendf(nil, `{"cpus":%d}`, want.cpus))
			if err != nil {
				w.t.Fatalf("vm %s, which was acknowledged: %v%s", name, err, w.last())
			}
			ops = append(ops, *res.Operation)
		}
	}
	for _, op := range ops {
		w.d.Ended(op)
	}
}

// reached waits until a VM is as it was wished, and reports whether it has a process then.
func (w *world) reached(when, name string) bool {
	want, d := w.want[name], w.d
	if !want.there {
		d.Gone(name)
		delete(w.kept, name)
		return false
	}
	states := map[vm.Power][]vm.State{
		vm.On: {vm.StateRunning}, vm.Off: {vm.StateOff, vm.StateSuspended}, // what is saved of one that is stopped before it went on stays
		vm.Paused:    {vm.StatePaused, vm.StatePrelaunch},
		vm.Suspended: {vm.StateSuspended, vm.StateOff}, // one that had not run has nothing to be kept
	}[want.power]
	d.Until(fmt.Sprintf("%s: vm %s to be %v", when, name, states), func() bool {
		s := d.Power(name).State
		return s == states[0] || s == states[len(states)-1]
	})
	v := d.VM(name)
	if v.Spec.Power != want.power || v.Spec.CPUs != want.cpus {
		w.t.Errorf("%s: vm %s is wished %s with %d CPUs; %s with %d was acknowledged", when, name, v.Spec.Power, v.Spec.CPUs, want.power, want.cpus)
	}
	pid := d.PID(name)
	if (pid != 0) != (want.power != vm.Off && want.power != vm.Suspended) {
		w.t.Errorf("%s: vm %s is wished %s and has process %d", when, name, want.power, pid)
	}
	if was := w.kept[name]; was != 0 && was != pid {
		w.t.Errorf("%s: vm %s is process %d, and was %d, and nobody ended it", when, name, pid, was)
	}
	w.kept[name] = pid
	return pid != 0
}
