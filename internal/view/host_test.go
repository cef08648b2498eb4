package view

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func TestWhatLimitsAHostIsToldWithItsRemedy(t *testing.T) {
	limited := host.Facts{
		Arch: "x86_64", KVM: &host.Verdict{Why: "no vmx"}, QEMU: &host.QEMU{Why: "5.2 is too old"},
		Cgroup: &host.Cgroup{Why: "hybrid"}, Passt: &host.Tool{Why: "not found"}, Landlock: &host.Verdict{Why: "this kernel has none"},
	}
	found := hostFindings(limited)
	if len(found) != 5 {
		t.Fatalf("%+v", found)
	}
	for _, f := range found {
		if f.What == "" || f.Why == "" || f.Remedy == "" {
			t.Errorf("%+v", f)
		}
	}
	if found := hostFindings(host.Facts{}); len(found) != 0 {
		t.Errorf("what was not asked is no limit: %+v", found)
	}
}

// A VM has no firmware to turn VT-x on in. The finding says what hv host check says.
func TestAHostThatIsAVMIsSentToTheHypervisorAbove(t *testing.T) {
	f := host.Facts{
		OS: "linux", Arch: "x86_64", CPU: &host.CPU{Vendor: "GenuineIntel"}, Platform: &host.Platform{Hypervisor: "vmware"},
		KVM: &host.Verdict{Why: "the CPU shows neither VT-x nor AMD-V"},
	}
	found := hostFindings(f)
	if len(found) != 1 || !strings.Contains(found[0].Remedy, "nested virtualization on this VM's host") || strings.Contains(found[0].Remedy, "firmware") {
		t.Errorf("%+v", found)
	}
	for _, row := range fit.Check(f).Features {
		if row.ID == catalogue.NestedVirtualization && row.Remedy != found[0].Remedy {
			t.Errorf("hv host check says %q, and the finding %q", row.Remedy, found[0].Remedy)
		}
	}
}

func TestTheAuditLogIsReadInPagesWithItsActors(t *testing.T) {
	d := newDesk(t)
	for i := range 5 {
		r := audit.Record{Time: noon, Action: "vm.create", Target: "vm/" + vmName(i), Phase: audit.Intent, Actor: audit.Actor{UID: 1000, User: "ann"}}
		_, err := d.log.Append(t.Context(), r)
		d.must(err)
	}
	p, err := d.AuditRecords(t.Context(), 0, 3)
	if err != nil || len(p.Items) != 3 || p.Total != 5 || p.Next != "3" {
		t.Fatalf("%+v, %v", p, err)
	}
	p, err = d.AuditRecords(t.Context(), 3, 3)
	if err != nil || len(p.Items) != 2 || p.Next != "" || !strings.Contains(string(p.Items[0]), `"uid":1000`) {
		t.Errorf("%s, %v", p.Items, err)
	}
}

func TestTheDeclarationOfAHostWithoutOneIsNone(t *testing.T) {
	d := newDesk(t)
	if c, err := d.Standing(t.Context(), true); err != nil || c.Source != "none" || c.Generation != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	d.DeclaredBy = "/etc/hyper-nixos/declaration.json"
	if c, err := d.Standing(t.Context(), true); err != nil || c.Source != d.DeclaredBy {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestFeaturesAreNarrowedBySetOrRisk(t *testing.T) {
	d := newDesk(t)
	all, err := d.Features(t.Context(), "", "")
	d.must(err)
	low, err := d.Features(t.Context(), "", "low")
	d.must(err)
	if len(low.Items) == 0 || len(low.Items) >= len(all.Items) || all.Revision != 7 {
		t.Errorf("%d of %d", len(low.Items), len(all.Items))
	}
	for _, f := range all.Items {
		if f.ID == "vmManagement" && f.State != "on" {
			t.Errorf("%+v", f)
		}
	}
	for _, ask := range [][2]string{{"low", "low"}, {"everything", ""}, {"", "tiny"}} {
		if _, err := d.Features(t.Context(), ask[0], ask[1]); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%v: %v", ask, err)
		}
	}
}

func TestWhatAHostCanNoLongerIsToldUntilItIsBack(t *testing.T) {
	d := newDesk(t)
	d.run()
	s, err := d.Events(t.Context(), 0, []string{"host."}, "")
	d.must(err)
	key := store.StatusKey(store.Ref{Kind: "host", Project: store.HostWide, Name: "self"}, "facts")
	d.commit(put(t, key, host.Status{Seen: noon, Answers: map[string]string{"gpu": "yes"}})) // no event: nothing to compare with
	lost := []host.Change{{What: "device 0000:01:00.0 (gpu)", Before: "yes"}, {What: "feature gpuPassthrough", Before: "yes", After: "no", Why: "no GPU", Remedy: "fit one"}, {What: "nic", After: "yes"}}
	d.commit(put(t, key, host.Status{Seen: noon, Changes: lost, Last: lost}))
	ev := d.next(s)
	if ev.Type != "host.changed" || ev.Subject != "host/-/self" || !strings.Contains(string(ev.Data), `{"what":"device 0000:01:00.0 (gpu)","before":"yes"}`) {
		t.Errorf("%+v: %s", ev, ev.Data)
	}
	h, err := d.Host(t.Context())
	d.must(err)
	var told []string
	for _, f := range h.Findings {
		if f.Code == "HV-HOST-007" {
			told = append(told, f.What)
			if f.Why == "" || f.Remedy == "" {
				t.Errorf("%+v", f)
			}
		}
	}
	if len(told) != 2 || !strings.Contains(told[0], `was "yes", and is "gone" now`) || !strings.Contains(told[1], `is "no" now`) {
		t.Errorf("%q", told)
	}
	d.commit(put(t, key, host.Status{Seen: noon, Last: []host.Change{{What: "feature gpuPassthrough", Before: "no", After: "yes"}}}))
	if ev := d.next(s); ev.Type != "host.changed" {
		t.Errorf("%+v", ev)
	}
	if h, err = d.Host(t.Context()); err != nil || slices.ContainsFunc(h.Findings, func(f finding.Finding) bool { return f.Code == "HV-HOST-007" }) {
		t.Errorf("%+v, %v", h.Findings, err)
	}
}
