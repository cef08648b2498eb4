package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/view"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type usageInput struct {
	InProject
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"VMs in a page"`
	Cursor   string `query:"cursor" maxLength:"256" doc:"next of the page before"`
	Selector string `query:"selector" maxLength:"1024" doc:"labels: tier=web,env!=test,beta"`
	Filter   string `query:"filter" maxLength:"256" doc:"text that the name contains"`
	Sort     string `query:"sort" enum:"name,cpu,resident,memory,threads,read,write,reads,writes" default:"name" doc:"name from a to z, the others from the most down"`
}

type (
	usages struct{ Body wire.UsagePage }
	usage  struct{ Body wire.VMUsage }
)

// routeUsage: the list is no child of …/vms, where a VM may be called as it is.
func (s *server) routeUsage() {
	handle(s, action.VMUsages, func(ctx context.Context, in *usageInput) (*usages, error) {
		ctx, done := untilStopped(ctx, false) // a sample may take a second
		defer done()
		p, err := s.View.Usage(ctx, in.Project, in.Sort, view.ListOptions{Limit: in.Limit, Cursor: in.Cursor, Selector: in.Selector, Filter: in.Filter})
		return &usages{p}, err
	})
	handle(s, action.VMUsage, func(ctx context.Context, in *struct{ Named }) (*usage, error) {
		ctx, done := untilStopped(ctx, false)
		defer done()
		u, err := s.View.UsageOf(ctx, in.ref())
		return &usage{u}, err
	})
}
