package action

import (
	"cmp"
	"context"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// verbs are the power verbs: what each wishes.
var verbs = map[string]struct {
	verb  vm.Verb
	power vm.Power
}{
	"vm.start":   {vm.VerbStart, vm.On},
	"vm.stop":    {vm.VerbStop, vm.Off},
	"vm.kill":    {vm.VerbKill, vm.Off},
	"vm.pause":   {vm.VerbPause, vm.Paused},
	"vm.resume":  {vm.VerbResume, vm.On},
	"vm.suspend": {vm.VerbSuspend, vm.Suspended},
	"vm.reboot":  {vm.VerbReboot, vm.On},
	"vm.reset":   {vm.VerbReset, vm.On},
}

// PowerVM wishes another power for a VM: start, stop, kill, pause, resume, suspend; or the edge of a reboot or a reset.
func (a *Actions) PowerVM(ctx context.Context, call Call, row Row, ref model.Ref, opt wire.VerbOptions) (Result, error) {
	v, ok := verbs[row.name]
	if !ok {
		return Result{}, fault.New(fault.Internal, "%s is no verb of power", row.name)
	}
	target := vmTarget(ref)
	return a.do(ctx, call, row, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		st, err := a.power(ctx, o)
		if err != nil {
			return err
		}
		verdict := vm.Allowed(v.verb, st.State)
		if verdict == vm.Never {
			return illegal(v.verb, st.State, o.Name)
		}
		if v.verb == vm.VerbStop && st.StopAsked != nil && !a.Steady().Before(st.StopAsked.Deadline) {
			verdict = vm.Yes // the guest has let its time pass: it is asked anew
		}
		if v.verb == vm.VerbStart || v.verb == vm.VerbResume {
			if err := a.mayStart(ctx, o.Name); err != nil {
				return err
			}
		}
		if v.verb == vm.VerbSuspend {
			if err := a.uncopiedAll(ctx, o); err != nil {
				return err
			}
			if err := a.inClear(ctx, o, "suspend"); err != nil {
				return err
			}
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.params(v.verb, opt)
		c.step("%s vm %s", v.verb, o.Name)
		c.wish.Before = string(cmp.Or(o.Spec.Power, vm.Off))
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		if !v.verb.Edge() && (verdict != vm.Done || o.Spec.Power != v.power) { // something new is wished
			o.Spec.Power = v.power
			o.Generation++
			o.PowerGeneration = o.Generation
			c.wish.Generation = o.Generation
			if err := c.put(kv.Key, o); err != nil {
				return err
			}
		}
		if call.DryRun {
			return a.rehearse(ctx, c, o, st)
		}
		return nil
	})
}

func (c *change) params(v vm.Verb, opt wire.VerbOptions) {
	p := map[string]string{}
	if v == vm.VerbKill || v == vm.VerbStop && opt.Force {
		p["force"] = "true"
	}
	if (v == vm.VerbStop || v == vm.VerbReboot) && opt.Timeout > 0 {
		p["timeout"] = strconv.Itoa(min(opt.Timeout, vm.MaxStopSecond))
	}
	if v == vm.VerbStart && opt.DiscardSuspend {
		p["discardSuspend"] = "true"
	}
	if len(p) > 0 {
		c.wish.Params = p
	}
}

func illegal(v vm.Verb, s vm.State, name string) error {
	return fault.New(fault.Precondition, "cannot %s vm %q: it is %s", v, name, s).Try("%s", vm.Hint(v, s, name)).WithCode("HV-VM-025")
}
