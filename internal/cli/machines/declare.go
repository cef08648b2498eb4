package machines

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// asDeclared prints VMs in Nix as a declaration has them: their specs, and nothing that was only seen.
func asDeclared(s *session.Session, all ...wire.VM) error {
	var defs []vm.Definition
	for _, v := range all {
		defs = append(defs, vm.Definition{Name: v.Metadata.Name, Labels: v.Metadata.Labels, Spec: v.Spec})
	}
	text, err := config.WriteVMs(defs, config.Nix)
	if err == nil {
		_, err = s.Out.Write(text)
	}
	return err
}

// declareAll is asDeclared for a list, whose items have no specs.
func declareAll(ctx context.Context, s *session.Session, c *client.Client, items []wire.VMSummary) error {
	var all []wire.VM
	for _, item := range items {
		v, err := c.VM(ctx, s.Ref(item.Name))
		if err != nil {
			return err
		}
		all = append(all, v)
	}
	return asDeclared(s, all...)
}
