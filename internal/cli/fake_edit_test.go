package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// editVM takes a merge patch of cpus, description and labels. More than 64 vCPUs are refused, a VM called
// "raced" has always been changed by somebody else, and one called "declared" is the declaration's.
func (f *fake) editVM(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	v, ok := f.vms[name]
	if !ok {
		missing(w, "vm", name)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var patch struct {
		CPUs        *int               `json:"cpus"`
		Description *string            `json:"description"`
		Labels      map[string]*string `json:"labels"`
	}
	if err := json.Unmarshal(body, &patch); err != nil {
		refuse(w, wire.Problem{Status: http.StatusBadRequest, Detail: err.Error()})
		return
	}
	if name == "declared" {
		refuse(w, wire.Problem{Status: wire.StatusOf(fault.Denied), Code: "HV-VM-023", Detail: `vm "declared" stands in the host's declaration (/etc/host.nix:3:5) and is edited there only`, Remedy: "edit it there, then hv config apply /etc/host.nix"})
		return
	}
	if name == "raced" && r.Header.Get("If-Match") != "" {
		v.Spec.Description = "of somebody else"
		refuse(w, wire.Problem{Status: http.StatusPreconditionFailed, Code: wire.CodeChanged, Detail: "vm/raced has changed since revision 7"})
		return
	}
	if patch.CPUs != nil && *patch.CPUs > 64 {
		l := finding.List{{Code: "HV-VM-002", Severity: finding.Refused, Subject: []string{"vm/" + name}, What: fmt.Sprintf("%d vCPUs are too many", *patch.CPUs), Remedy: "cpus = 2"}}
		if r.URL.Query().Get("dryRun") == "true" {
			answer(w, http.StatusOK, wire.Preview{Plan: []wire.PlanStep{}, Findings: l, Refused: true})
			return
		}
		refuse(w, wire.Problem{Status: wire.StatusOf(fault.Invalid), Findings: l, Detail: "cannot change vm " + name})
		return
	}
	if f.called(w, r, "edit vm "+name+": "+string(body)) {
		return
	}
	f.begin(w, "vm.edit", "vm", name, func() {
		if patch.CPUs != nil {
			v.Spec.CPUs, v.Effective.CPUs = *patch.CPUs, *patch.CPUs
		}
		if patch.Description != nil {
			v.Spec.Description = *patch.Description
		}
		for k, l := range patch.Labels {
			if v.Metadata.Labels == nil {
				v.Metadata.Labels = map[string]string{}
			}
			if delete(v.Metadata.Labels, k); l != nil {
				v.Metadata.Labels[k] = *l
			}
		}
	})
}

func (f *fake) rename(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body wire.Rename
	_ = json.NewDecoder(r.Body).Decode(&body)
	name := r.PathValue("name")
	v, ok := f.vms[name]
	if !ok {
		missing(w, "vm", name)
		return
	}
	if f.called(w, r, "rename vm "+name+" to "+body.Name) {
		return
	}
	f.begin(w, "vm.rename", "vm", name, func() {
		delete(f.vms, name)
		f.addVM(vm.Definition{Name: body.Name, Labels: v.Metadata.Labels, Spec: v.Spec}, v.Status.Power.State)
	})
}
