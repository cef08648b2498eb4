//go:build linux

package daemon

import (
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/internal/host/uevent"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// seeHost has it written down how the host stands, and tells what has changed since: since the last daemon looked, or
// since something came or went.
func (d *daemon) seeHost(ctx context.Context, further []host.Change) {
	f := d.facts.known()
	changed, err := d.engine.SeeHost(ctx, f.BootID, fit.Check(f).Standings(), further)
	if err != nil {
		d.Log.Error("cannot write down how the host stands", "err", err)
	}
	for _, c := range changed {
		tell := d.Log.Info
		if c.Worse() {
			tell = d.Log.Warn
		}
		tell("the host has changed", "what", c.What, "before", c.Before, "after", c.After, "why", c.Why)
	}
}

// watchHost looks at the host again each time that hardware, a driver or a module has come or gone, until ctx ends.
func (d *daemon) watchHost(ctx context.Context) {
	if err := uevent.Watch(ctx, func() { d.lookAgain(ctx) }); err != nil {
		d.Log.Warn("what is plugged in or taken away while hvd runs is seen at its next start", "err", err, "hint", fault.HintOf(err))
	}
}

// lookAgain asks for the facts anew, resolves the declaration by them, and tells what is otherwise now.
func (d *daemon) lookAgain(ctx context.Context) {
	before := map[string]string{}
	for what, s := range d.declared(ctx) {
		before[what] = s.Answer
	}
	if err := d.facts.ask(ctx); err != nil {
		if ctx.Err() == nil {
			d.Log.Error("cannot look at the host again", "err", err, "hint", fault.HintOf(err))
		}
		return
	}
	d.seeHost(ctx, host.Changes(before, d.declared(ctx)))
}

// declared is how far each feature of the declaration has come on the host as it is known.
func (d *daemon) declared(ctx context.Context) map[string]host.Standing {
	res, _, err := d.actions.Resolution(ctx)
	if err != nil {
		d.Log.Error("cannot resolve the declaration", "err", err)
		return nil
	}
	out := map[string]host.Standing{}
	for _, e := range res.Effective {
		out["declared feature "+string(e.ID)] = host.Standing{Answer: string(e.State), Why: strings.Join(e.Held, "; ")}
	}
	return out
}
