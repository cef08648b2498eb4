// Package clones makes VMs that begin as other ones.
//
// What lives here: what `hv vm clone` and `hv snapshot clone` have in common. What does not: their flags, and full copies of what there
// is now (machines).
package clones

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Make makes a VM that begins as another one, in one step.
func Make(ctx context.Context, s *session.Session, from string, body wire.CloneVM) error {
	return change.Run(ctx, s, change.Change{Noun: "vm", Name: from, Verb: "clone", Past: "cloned to " + body.Name,
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.CloneVM(ctx, s.Ref(from), body, how)
		}})
}

// InFull makes a VM of a snapshot of another one, on disks that share nothing. It is made whole, on linked clones, and then each of
// those is made one file, in its pool or another one: whatever cuts hv off leaves a VM that starts, and nothing else. What fails takes
// the VM away again.
func InFull(ctx context.Context, s *session.Session, from string, body wire.CloneVM, pool string) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	if pool != "" && s.DryRun { // else the first volume says that there is none
		if _, err := c.Pool(ctx, pool); err != nil {
			return err
		}
	}
	waits := *s
	waits.NoWait = false
	if err := Make(ctx, &waits, from, body); err != nil || s.DryRun {
		if err == nil {
			s.Notice("then each of its volumes is made one file that shares nothing")
		}
		return err
	}
	made, moves, err := moved(ctx, s, c, body.Name, pool)
	if err == nil && len(moves) > 0 {
		err = change.Run(ctx, s, moves...)
	}
	if code := report.CodeOf(err); code == report.Done || code == report.Interrupted || code == report.TimeUp || code == report.NoDaemon { // hvd goes on with it
		return err
	}
	return errors.Join(err, unmake(context.WithoutCancel(ctx), s, c, body.Name, made))
}

// moved are the volumes that a clone was made with, and what makes each of them one file.
func moved(ctx context.Context, s *session.Session, c *client.Client, name, pool string) (made []string, moves []change.Change, err error) {
	is, err := c.VM(ctx, s.Ref(name))
	if err != nil {
		return nil, nil, err
	}
	for _, device := range slices.Sorted(maps.Keys(is.Spec.Disks)) {
		volume := is.Spec.Disks[device].Volume
		if volume != name+"-"+device { // what is only read is shared
			continue
		}
		v, err := c.Volume(ctx, s.Ref(volume))
		if err != nil {
			return made, nil, err
		}
		made = append(made, volume)
		body := wire.MoveVolume{Pool: pool}
		if pool == "" {
			body.Pool = v.Spec.Pool
		}
		moves = append(moves, change.Change{Noun: "volume", Name: volume, Verb: "copy", Past: "shares nothing now",
			Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.MoveVolume(ctx, s.Ref(volume), body, how)
			}})
	}
	return made, moves, nil
}

// unmake takes away a VM that was made, and its volumes. Who has started it by now keeps it.
func unmake(ctx context.Context, s *session.Session, c *client.Client, name string, volumes []string) error {
	res, err := c.DeleteVM(ctx, s.Ref(name), wire.VerbOptions{}, client.Change{})
	if err == nil && res.Operation != nil {
		_, err = c.WaitOperation(ctx, res.Operation.ID, nil)
	}
	if err != nil {
		return err
	}
	for _, volume := range volumes {
		if _, gone := c.DeleteVolume(ctx, s.Ref(volume), true, client.Change{}); !errors.Is(gone, fault.NotFound) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
