package fit

import (
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// Standings are the verdicts of r by what they are of, so that two looks at a host can be compared. What the
// specification says of every host is not among them.
func (r Report) Standings() map[string]host.Standing {
	out := map[string]host.Standing{}
	add := func(what string, v Verdict) {
		out[what] = host.Standing{Answer: string(v.Answer), Why: v.Why, Remedy: v.Remedy}
	}
	for _, row := range r.Rows {
		switch row.Table {
		case catalogue.StorageBackends, catalogue.Hypervisors:
			add(string(row.Table)+": "+row.Row+" × "+row.Column, row.Verdict)
		default: // their columns are this host's, and change with it
			add(string(row.Table)+": "+row.Row, row.Verdict)
		}
	}
	for _, f := range r.Features {
		add("feature "+string(f.ID), f.Verdict)
	}
	for _, d := range r.Devices {
		add("device "+d.Address+" ("+string(d.Kind)+")", d.Verdict)
	}
	return out
}
