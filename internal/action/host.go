package action

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// hostTarget is the one host of a daemon.
var hostTarget = operation.Target{Kind: "host", Ref: model.Ref{Project: store.HostWide, Name: "this"}}

// StopVMs stops every VM in the reverse order of their start, because the host is to go down. Those with autostart
// come back with its next boot.
func (a *Actions) StopVMs(ctx context.Context, call Call, opt wire.StopVMs) (Result, error) {
	return a.do(ctx, call, HostStopVMs, hostTarget, func(c *change) error {
		if opt.Timeout < 0 || opt.Timeout > vm.MaxStopSecond {
			return fault.New(fault.Invalid, "timeout: %d is not between 0 and %d seconds", opt.Timeout, vm.MaxStopSecond)
		}
		if opt.Timeout > 0 {
			c.wish.Params = map[string]string{"timeout": strconv.Itoa(opt.Timeout)}
		}
		if !call.DryRun {
			return c.put(haltKey(), store.SpecKey(operationRef(c.wish)))
		}
		vms, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
		if err != nil {
			return err
		}
		var members []plan.Member
		for _, o := range vms {
			st, err := a.power(ctx, o.Value)
			if err != nil {
				return err
			}
			if st.Process == nil {
				continue
			}
			m := plan.Member{Ref: model.Ref{Project: o.Value.Project, Name: o.Value.Name}}
			if o.Value.Spec.Startup != nil {
				m.Startup = *o.Value.Spec.Startup
			}
			members = append(members, m)
		}
		for _, ref := range plan.NewOrder(members).Left() {
			if i := slices.IndexFunc(members, func(m plan.Member) bool { return m.Ref == ref }); members[i].OnHostStop == vm.HostStopSuspend {
				c.step("suspend vm %s", ref)
				continue
			}
			c.step("stop vm %s", ref)
		}
		return nil
	})
}

// haltKey is the key of the operation that stops every VM, or did.
func haltKey() string { return store.ClaimKey("halt", store.HostWide, hostTarget.Name) }

// mayStart refuses a start while every VM is being stopped.
func (a *Actions) mayStart(ctx context.Context, name string) error {
	key, _, err := store.Get[string](ctx, a.Store, haltKey())
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	wish, _, err := store.Get[operation.Wish](ctx, a.Store, key)
	if fault.KindOf(err) == fault.NotFound { // it ended long ago
		return nil
	}
	if err != nil {
		return err
	}
	st, _, err := store.Get[operation.Status](ctx, a.Store, store.StatusKey(operationRef(wish), "reconcile"))
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if st.State.Ended() {
		return nil
	}
	return fault.New(fault.Unavailable, "vm %q is not started while the host is being shut down", name).
		Try("hv operation wait %s", wish.ID).WithCode("HV-VM-073")
}

func circular(name string, after map[string][]string) error {
	found := vm.Circle(after)
	if len(found) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "vm %q is to start after itself: %s", name, strings.Join(append(found, found[0]), " after ")).
		Try("take one of them out of another's startup.after").WithCode("HV-VM-071")
}

// circle refuses a VM that would start after itself, by way of others that exist.
func (a *Actions) circle(ctx context.Context, project string, def vm.Definition) error {
	if def.Startup == nil || len(def.Startup.After) == 0 {
		return nil
	}
	vms, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	if err != nil {
		return err
	}
	after := map[string][]string{}
	for _, o := range vms {
		if s := o.Value.Spec.Startup; s != nil && o.Value.Project == project {
			after[o.Value.Name] = s.After
		}
	}
	after[def.Name] = def.Startup.After
	return circular(def.Name, after)
}
