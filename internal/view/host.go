package view

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Host returns what is known of this host, and what limits it.
func (v *View) Host(ctx context.Context) (wire.Host, error) {
	v.mu.RLock()
	n, running := len(v.vms), v.running
	v.mu.RUnlock()
	facts := v.Facts()
	h := wire.Host{
		Kind: "host", Version: v.Version, Facts: facts, Started: v.Started, VMs: n, Running: running, Findings: hostFindings(facts),
	}
	h.Findings = append(h.Findings, v.strays()...)
	h.Findings = append(h.Findings, v.losses(ctx)...)
	if v.Keeping != nil {
		keeping, found := v.Keeping()
		h.Keeping, h.Findings = &keeping, append(h.Findings, v.stillSo(ctx, found)...)
		// With the phase, and for as long as something differs there.
		h.Findings = slices.DeleteFunc(h.Findings, func(f finding.Finding) bool { return f.Code == phase.CodeNotPutBack })
	}
	v.addPhase(ctx, &h)
	return h, nil
}

// losses are what the host can less than before this boot, or before something was taken away while it ran. They stand
// until the next boot, or until it is back.
func (v *View) losses(ctx context.Context) finding.List {
	ref := store.Ref{Kind: "host", Project: store.HostWide, Name: "self"}
	st, _, err := store.Get[host.Status](ctx, v.Store, store.StatusKey(ref, "facts"))
	if err != nil {
		return nil // nobody has looked yet
	}
	var l finding.List
	for _, c := range st.Changes {
		if !c.Worse() {
			continue
		}
		after := c.After
		if after == "" {
			after = "gone"
		}
		l = append(l, finding.Finding{
			Code: "HV-HOST-007", Severity: finding.Limited, Subject: []string{"host"},
			What:   fmt.Sprintf("the host can less than before: %s was %q, and is %q now", c.What, c.Before, after),
			Why:    cmp.Or(c.Why, "it is there no more"),
			Remedy: cmp.Or(c.Remedy, "hv host check says what the host can now; what was taken away on purpose is forgotten at the next boot"),
		})
	}
	return l
}

// strays are processes of VMs that the store does not know: it was put back to a state from before them.
// They run on, and are told.
func (v *View) strays() finding.List {
	if v.Processes == nil {
		return nil
	}
	living := v.Processes() // before the index: a VM is in that before it has a process
	v.mu.RLock()
	for _, e := range v.vms {
		delete(living, e.object.Spec.UUID)
	}
	v.mu.RUnlock()
	var l finding.List
	for _, uuid := range slices.Sorted(maps.Keys(living)) {
		p := living[uuid]
		l = append(l, finding.Finding{
			Code: "HV-HOST-006", Severity: finding.Limited, Subject: []string{"host"},
			What:   fmt.Sprintf("a VM runs that is not known here: it was %q, UUID %s, process %d", p.Name, uuid, p.PID),
			Why:    "the store was put back to a state from before that VM",
			Remedy: fmt.Sprintf("make a VM with uuid = %q and power = \"on\", and it is taken up; or end it: sudo kill %d", uuid, p.PID),
		})
	}
	return l
}

func hostFindings(f host.Facts) finding.List {
	var l finding.List
	say := func(code, what, why, remedy string) {
		l = append(l, finding.Finding{Code: code, Severity: finding.Limited, Subject: []string{"host"}, What: what, Why: why, Remedy: remedy})
	}
	if f.KVM != nil && !f.KVM.OK {
		say("HV-HOST-001", "VMs run without KVM, by emulation: many times slower", f.KVM.Why, fit.MendKVM(f))
	}
	if f.QEMU != nil && !f.QEMU.OK() {
		say("HV-HOST-002", "VMs cannot be started", f.QEMU.Why, host.InstallHint(f.Arch))
	}
	if f.Cgroup != nil && !f.Cgroup.Enforced {
		say("HV-HOST-003", "limits of memory, CPU and processes are not enforced", f.Cgroup.Why, "boot with systemd.unified_cgroup_hierarchy=1")
	}
	if f.Passt != nil && !f.Passt.OK() {
		say("HV-HOST-004", "network cards with user networking have no network", f.Passt.Why, "apt-get install passt")
	}
	if f.Landlock != nil && !f.Landlock.OK {
		say("HV-HOST-005", "a VM's process is held by its namespaces and seccomp alone", "no landlock: "+f.Landlock.Why,
			"a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in its parameter lsm=")
	}
	return l
}

// Features returns every feature of the catalogue as it stands here. set and maxRisk narrow the
// list; empty for all.
func (v *View) Features(ctx context.Context, set, maxRisk string) (wire.Features, error) {
	res, rev, err := v.Config.Features(ctx)
	if err != nil {
		return wire.Features{}, err
	}
	wanted, err := wantedFeatures(set, maxRisk)
	if err != nil {
		return wire.Features{}, err
	}
	return Features(res, wanted, rev), nil
}

func wantedFeatures(set, maxRisk string) ([]catalogue.Feature, error) {
	switch {
	case set != "" && maxRisk != "":
		return nil, fault.New(fault.Invalid, "a set and a highest risk cannot be asked for together")
	case set != "":
		if l := catalogue.Set(catalogue.SetName(set)); len(l) > 0 {
			return l, nil
		}
		return nil, fault.New(fault.Invalid, "there is no set %q", set).Try("low, moderate or high")
	case maxRisk != "":
		r := catalogue.Risk(maxRisk)
		if l := catalogue.MaxRisk(r); len(l) > 0 {
			return l, nil
		}
		return nil, fault.New(fault.Invalid, "there is no risk level %q", maxRisk).Try("minimal, low, moderate, high or critical")
	}
	return catalogue.All(), nil
}

// Features puts a resolution into the words of the wire.
func Features(res feature.Resolution, wanted []catalogue.Feature, revision int64) wire.Features {
	out := wire.Features{
		Items: []wire.Feature{}, Findings: res.Findings, Risk: string(res.Risk.Level), RiskWhy: res.Risk.Words(), Revision: revision,
	}
	for _, f := range wanted {
		item := wire.Feature{
			ID: string(f.ID), Name: f.Name, Category: string(f.Category), Risk: string(f.Risk), Set: string(f.Set),
			State: res.StateOf(f.ID), What: f.On,
		}
		if e, ok := res.Lookup(f.ID); ok {
			for _, why := range e.Why {
				item.Why = append(item.Why, why.String())
			}
		}
		out.Items = append(out.Items, item)
	}
	return out
}

// AuditRecords returns records after the one numbered after, oldest first.
func (v *View) AuditRecords(ctx context.Context, after int64, limit int) (wire.Page, error) {
	if limit <= 0 {
		limit = DefaultPage
	}
	page, err := v.Audit.Read(ctx, after, min(limit, MaxPage), audit.Filter{})
	if err != nil {
		return wire.Page{}, err
	}
	out := wire.Page{Items: []json.RawMessage{}, Total: int(v.Audit.Size())}
	for _, r := range page.Records {
		uid := uint32(max(r.Actor.UID, 0))
		out.Items = append(out.Items, encode(wire.AuditRecord{
			Seq: r.Seq, Time: r.Time, Actor: operation.Actor{UID: uid, Name: r.Actor.User, Via: r.Actor.Via}, Action: r.Action, Target: r.Target,
			Phase: string(r.Phase), Intent: r.Intent, Operation: r.Operation, Result: r.Result, Detail: r.Error,
		}))
	}
	if page.More {
		out.Next = fmt.Sprint(page.Next)
	}
	return out, nil
}
