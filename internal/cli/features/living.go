package features

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/errgroup"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// mostOperations is how many of the newest operations are looked through for those that are running.
const mostOperations = 1000

// living is what stands on a host and may use features: its VMs and its running operations. Only kinds that the table
// of uses names are asked for.
func living(ctx context.Context, c *client.Client, project string) ([]feature.Object, error) {
	kinds := map[string]bool{}
	for _, u := range feature.Uses() {
		kinds[u.Kind] = true
	}
	var out []feature.Object
	if kinds["vm"] {
		vms, err := virtualMachines(ctx, c, project)
		if err != nil {
			return nil, err
		}
		out = append(out, vms...)
	}
	if !kinds["operation"] {
		return out, nil
	}
	running, err := runningOperations(ctx, c)
	for _, op := range running {
		text, err := json.Marshal(op.Wish)
		if err != nil {
			return nil, err
		}
		out = append(out, feature.Object{Kind: "operation", Name: op.ID, Spec: text})
	}
	return out, err
}

func virtualMachines(ctx context.Context, c *client.Client, project string) ([]feature.Object, error) {
	var names []string
	for v, err := range c.VMs(ctx, project, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, v.Name)
	}
	all := make([]feature.Object, len(names))
	var g errgroup.Group
	g.SetLimit(8) // the daemon allows a user so many connections
	for i, name := range names {
		g.Go(func() error {
			v, err := c.VM(ctx, model.Ref{Project: project, Name: name})
			if fault.KindOf(err) == fault.NotFound {
				return nil // deleted while the list was read
			}
			if err != nil {
				return err
			}
			text, err := json.Marshal(v.Spec)
			all[i] = feature.Object{Kind: "vm", Name: name, Spec: text}
			return err
		})
	}
	return all, g.Wait()
}

// runningOperations are those that have not ended, newest first.
func runningOperations(ctx context.Context, c *client.Client) ([]operation.Operation, error) {
	var out []operation.Operation
	seen := 0
	for op, err := range c.Operations(ctx, client.ListOptions{}) {
		if err != nil {
			return out, err
		}
		if !op.State.Ended() {
			out = append(out, op)
		}
		if seen++; seen == mostOperations {
			break
		}
	}
	return out, nil
}
