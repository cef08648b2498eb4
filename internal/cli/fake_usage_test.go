package cli_test

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// used are the VMs that run: each uses a fifth of a processor more than the one before, and the last one has just
// begun.
func (f *fake) used(r *http.Request) (all []wire.VMUsage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sel, err := model.ParseSelector(r.URL.Query().Get("selector"))
	if err != nil {
		panic(err)
	}
	for _, name := range sorted(f.vms) {
		v := f.vms[name]
		if v.Status.Power.State != vm.StateRunning || !sel.Matches(v.Metadata.Labels) {
			continue
		}
		cpu, bytes := float64(20*len(all)), float64(1536*len(all))
		all = append(all, wire.VMUsage{
			Name: name, Project: "default", State: "running", At: epoch, Seconds: 2, CPUPercent: &cpu, CPUs: 2, Resident: 100 << 20, Memory: 256 << 20,
			Threads: 5, DiskRead: &bytes, DiskWrite: &bytes, DiskReads: &cpu, DiskWrites: &cpu,
		})
	}
	if n := len(all); n > 0 {
		all[n-1].CPUPercent, all[n-1].DiskRead, all[n-1].DiskWrite = nil, nil, nil
	}
	return all
}

func (f *fake) usages(w http.ResponseWriter, r *http.Request) {
	all := f.used(r)
	p := wire.UsagePage{Items: all, Total: len(all), At: epoch, Totals: wire.TotalUsage(all)}
	p.Totals.HostCPUs, p.Totals.HostMemory = 4, 8<<30
	if by := r.URL.Query().Get("sort"); by == "cpu" {
		slices.Reverse(p.Items)
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	p.Items = p.Items[from:]
	if len(p.Items) > 1 { // so that every list has pages
		p.Items, p.Next = p.Items[:1], strconv.Itoa(from+1)
	}
	answer(w, http.StatusOK, p)
}

func (f *fake) usage(w http.ResponseWriter, r *http.Request) {
	for _, u := range f.used(r) {
		if u.Name == r.PathValue("name") {
			answer(w, http.StatusOK, u)
			return
		}
	}
	missing(w, "vm", r.PathValue("name"))
}
