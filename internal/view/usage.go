package view

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Usage returns what the VMs of a project that have a process use, sorted by a column of wire.UsageColumns. Sampling
// takes its time and holds no lock of the view.
func (v *View) Usage(ctx context.Context, project, sort string, opt ListOptions) (wire.UsagePage, error) {
	after, err := parsePlace(opt.Cursor)
	if err != nil {
		return wire.UsagePage{}, err
	}
	sel, err := model.ParseSelector(opt.Selector)
	if err != nil {
		return wire.UsagePage{}, err
	}
	sample, err := v.sample(ctx)
	if err != nil {
		return wire.UsagePage{}, err
	}
	all := v.used(sample, func(ref model.Ref, o vm.Object) bool {
		return ref.Project == project && strings.Contains(ref.Name, opt.Filter) && sel.Matches(o.Labels)
	})
	page := wire.UsagePage{Items: []wire.VMUsage{}, Total: len(all), At: sample.At, Totals: v.totals(all)}
	slices.SortFunc(all, func(a, b wire.VMUsage) int { return placeOf(a, sort).compare(placeOf(b, sort)) })
	for _, u := range all {
		at := placeOf(u, sort)
		if opt.Cursor != "" && at.compare(after) <= 0 {
			continue
		}
		if len(page.Items) == opt.limit() {
			page.Next = placeOf(page.Items[len(page.Items)-1], sort).String()
			break
		}
		page.Items = append(page.Items, u)
	}
	return page, nil
}

// UsageOf returns what one VM uses.
func (v *View) UsageOf(ctx context.Context, ref model.Ref) (wire.VMUsage, error) {
	v.mu.RLock()
	e := v.vms[ref]
	state := vm.StateOff
	if e != nil && e.power != nil {
		state = e.power.State
	}
	v.mu.RUnlock()
	if e == nil {
		return wire.VMUsage{}, notFound("vm", ref.String(), "hv vm list").WithCode("HV-VM-021")
	}
	sample, err := v.sample(ctx)
	if err != nil {
		return wire.VMUsage{}, err
	}
	if found := v.used(sample, func(r model.Ref, _ vm.Object) bool { return r == ref }); len(found) == 1 {
		return found[0], nil
	}
	return wire.VMUsage{}, fault.New(fault.Precondition, "vm %q uses nothing now: it is %s, and has no process", ref.Name, state).
		Try("hv vm start %s", ref.Name).WithCode("HV-VM-025")
}

func (v *View) sample(ctx context.Context) (vm.Sample, error) {
	if v.Sample == nil {
		return vm.Sample{}, nil
	}
	s, err := v.Sample(ctx)
	return s, fault.Wrap(err, "cannot read what VMs use")
}

// used puts names to a sample.
func (v *View) used(sample vm.Sample, wanted func(model.Ref, vm.Object) bool) []wire.VMUsage {
	v.mu.RLock()
	defer v.mu.RUnlock()
	arch := v.Facts().Arch
	var all []wire.VMUsage
	for ref, e := range v.vms {
		u, ok := sample.VMs[e.object.Spec.UUID]
		if !ok || !wanted(ref, e.object) {
			continue
		}
		spec, out := e.object.Spec, wire.VMUsage{Name: ref.Name, Project: ref.Project, State: string(vm.StateUnknown)}
		if p := e.power; p != nil {
			out.State = string(p.State)
			if p.Process != nil && p.Process.Started != nil {
				spec = *p.Process.Started
			}
		}
		full, _ := vm.Effective(spec, arch)
		out.At, out.Seconds, out.CPUs, out.Memory = u.At.UTC(), u.Over.Seconds(), full.CPUs, int64(full.Memory)
		out.Resident, out.Threads = int64(u.Resident), u.Threads
		if u.CPU != nil {
			percent := tenths(100 * *u.CPU)
			out.CPUPercent = &percent
		}
		if d := u.Disk; d != nil {
			read, write, reads, writes := math.Round(d.ReadBytes), math.Round(d.WriteBytes), tenths(d.Reads), tenths(d.Writes)
			out.DiskRead, out.DiskWrite, out.DiskReads, out.DiskWrites = &read, &write, &reads, &writes
		}
		all = append(all, out)
	}
	return all
}

// tenths leaves away what a rate over a second does not tell.
func tenths(f float64) float64 { return math.Round(10*f) / 10 }

// totals are those of all, beside what the host has.
func (v *View) totals(all []wire.VMUsage) wire.UsageTotals {
	facts := v.Facts()
	t := wire.TotalUsage(all)
	t.HostCPUs, t.HostMemory = facts.CPUs, int64(facts.Memory)
	return t
}

// place is where a VM stands in a sorted list. A page ends at one, and the next begins behind it: what has moved
// meanwhile may be seen twice or not, as in any list of what changes, and no sample is kept for who reads slowly.
type place struct {
	Known bool    `json:"k,omitempty"`
	Value float64 `json:"v,omitempty"`
	Name  string  `json:"n"`
}

func placeOf(u wire.VMUsage, sort string) place {
	n, known := u.Column(sort)
	return place{Known: known, Value: n, Name: u.Name}
}

// compare orders by the column, the most first and what is not known last, and then by name.
func (p place) compare(q place) int {
	if p.Known != q.Known {
		if p.Known {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(q.Value, p.Value), cmp.Compare(p.Name, q.Name))
}

func (p place) String() string {
	text, _ := json.Marshal(p) // numbers that were read are finite
	return base64.RawURLEncoding.EncodeToString(text)
}

func parsePlace(cursor string) (p place, err error) {
	if cursor == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fault.New(fault.Invalid, "%.64q is not the cursor of a page", cursor).WithCode(wire.CodeInvalid).Try("send next of the page before as it came")
	}
	return p, nil
}
