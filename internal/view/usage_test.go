package view

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// sampled gives the desk a sample; a negative CPU is one that is not known.
func (d *desk) sampled(cpu map[string]float64) {
	s := vm.Sample{At: noon, VMs: map[string]vm.Usage{}}
	for name, n := range cpu {
		u := vm.Usage{At: noon, Resident: model.Bytes(len(name)) * model.MiB, Threads: 3}
		if n >= 0 {
			u.CPU, u.Over, u.Disk = &n, 2e9, &vm.DiskUsage{ReadBytes: 100 * n, WriteBytes: 7.4, Reads: n, Writes: 0.26}
		}
		s.VMs["uuid-"+name] = u
	}
	d.Sample = func(context.Context) (vm.Sample, error) { return s, nil }
}

// withUUID is a VM that a sample knows by "uuid-" and its name.
func withUUID(t *testing.T, name string, labels map[string]string) store.Op {
	o := machine(name, labels)
	o.Spec.UUID = "uuid-" + name
	return put(t, store.SpecKey(ref("vm", name)), o)
}

func usedNames(p wire.UsagePage) string {
	var all []string
	for _, u := range p.Items {
		all = append(all, u.Name)
	}
	return strings.Join(all, " ")
}

func TestUsageIsOfThoseThatRunSortedByAnyColumnAndInPages(t *testing.T) {
	d := newDesk(t)
	d.run()
	for _, name := range []string{"a", "bb", "ccc", "dddd", "off"} {
		labels := map[string]string{"tier": "web"}
		if name == "bb" {
			labels = nil
		}
		d.shown(withUUID(t, name, labels))
		if name != "off" {
			d.shown(putPower(t, name, vm.PowerStatus{State: vm.StateRunning, Process: &vm.Process{Started: &vm.Spec{CPUs: 3, Memory: 512 * model.MiB}}}))
		}
	}
	d.sampled(map[string]float64{"a": 0.5, "bb": 2, "ccc": 0.5, "dddd": -1})
	for sort, want := range map[string]string{
		"name": "a bb ccc dddd", "cpu": "bb a ccc dddd", "resident": "dddd ccc bb a", "memory": "a bb ccc dddd", "read": "bb a ccc dddd",
		"reads": "bb a ccc dddd", "write": "a bb ccc dddd", "writes": "a bb ccc dddd", "threads": "a bb ccc dddd",
	} {
		var all []string
		cursor := ""
		for {
			p, err := d.Usage(t.Context(), "default", sort, ListOptions{Limit: 3, Cursor: cursor})
			d.must(err)
			if p.Total != 4 || p.Totals.VMs != 4 {
				t.Errorf("%+v", p)
			}
			all = append(all, usedNames(p))
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if got := strings.Join(all, " "); got != want || len(all) != 2 {
			t.Errorf("by %s: %s in %d pages", sort, got, len(all))
		}
	}
	p, err := d.Usage(t.Context(), "default", "name", ListOptions{Selector: "tier=web"})
	if err != nil || usedNames(p) != "a ccc dddd" {
		t.Errorf("-l chooses %s, %v", usedNames(p), err)
	}
	if got := p.Totals; got.CPUPercent != 100 || got.Memory != 3*512<<20 || got.Resident != 8<<20 || got.HostCPUs != 4 || got.HostMemory != 8<<30 || got.DiskRead != 100 {
		t.Errorf("together %+v", got)
	}
	u := p.Items[0]
	if *u.CPUPercent != 50 || u.CPUs != 3 || u.Memory != 512<<20 || u.Seconds != 2 || *u.DiskWrite != 7 || *u.DiskWrites != 0.3 || u.State != "running" {
		t.Errorf("%+v", u)
	}
	if u := p.Items[2]; u.CPUPercent != nil || u.DiskRead != nil || u.Resident != 4<<20 {
		t.Errorf("what is not known is shown: %+v", u)
	}
	_, err = d.Usage(t.Context(), "default", "name", ListOptions{Cursor: "?"})
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}

func TestUsageOfOneVMAndOfOneThatHasNoProcess(t *testing.T) {
	d := newDesk(t)
	d.run()
	d.shown(withUUID(t, "a", nil), withUUID(t, "off", nil))
	if p, err := d.Usage(t.Context(), "default", "name", ListOptions{}); err != nil || len(p.Items) != 0 || p.Items == nil {
		t.Errorf("%+v, %v", p, err)
	}
	d.sampled(map[string]float64{"a": 1})
	at := func(name string) model.Ref { return model.Ref{Project: "default", Name: name} }
	if u, err := d.UsageOf(t.Context(), at("a")); err != nil || u.Name != "a" || *u.CPUPercent != 100 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := d.UsageOf(t.Context(), at("off")); fault.CodeOf(err) != "HV-VM-025" || !strings.Contains(fault.HintOf(err), "hv vm start off") {
		t.Errorf("%v", err)
	}
	if _, err := d.UsageOf(t.Context(), at("none")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	d.Sample = func(context.Context) (vm.Sample, error) { return vm.Sample{}, errors.New("no helper") }
	if _, err := d.UsageOf(t.Context(), at("a")); err == nil || !strings.Contains(err.Error(), "what VMs use") {
		t.Errorf("%v", err)
	}
}

func FuzzPlaceInAList(f *testing.F) {
	f.Add(place{Known: true, Value: 1.5, Name: "web"}.String())
	f.Add("?")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parsePlace(cursor)
		if err != nil {
			return
		}
		if again, err := parsePlace(p.String()); err != nil || cursor != "" && again != p {
			t.Errorf("%+v is read as %+v, %v", p, again, err)
		}
	})
}
