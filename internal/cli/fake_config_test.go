package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (f *fake) configRoutes(on func(string, http.HandlerFunc)) {
	on("GET /v1/config", func(w http.ResponseWriter, _ *http.Request) {
		c := wire.Config{Source: "none"}
		if f.config != nil {
			c = f.generation(3, f.config)
		}
		answer(w, http.StatusOK, c)
	})
	on("GET /v1/config/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, drifted(f)) })
	on("GET /v1/config/generations", func(w http.ResponseWriter, _ *http.Request) {
		all := wire.Generations{Items: []wire.Generation{}, Most: config.MaxGenerations}
		if f.config != nil {
			by := operation.Actor{Name: "root", Via: "socket"}
			all.Items = append(all.Items,
				wire.Generation{Generation: 3, Stands: true, Digest: "sha256:aaaaaaaaaaaaaaaaaaaa", Applied: epoch, By: by, Source: "applied", Restores: 1, VMs: 2},
				wire.Generation{Generation: 2, Digest: "sha256:bbbbbbbbbbbbbbbbbbbb", Applied: epoch.Add(-time.Hour), By: by, Source: "applied", Message: "a cache", VMs: 1})
		}
		answer(w, http.StatusOK, all)
	})
	on("GET /v1/config/generations/{generation}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("generation") != "2" {
			refuse(w, wire.Problem{Status: 404, Title: "not found", Detail: "there is no generation " + r.PathValue("generation") + " of the declaration", Code: config.CodeNoGeneration, Remedy: "hv config history lists those that are kept"})
			return
		}
		answer(w, http.StatusOK, f.generation(2, []byte(`{"version":1,"value":{"hypervisor":{"vms":{"old":{"memory":1073741824}}}}}`)))
	})
	on("PUT /v1/config", f.apply)
	on("POST /v1/config/actions/rollback", f.apply)
}

func (f *fake) generation(n int64, declaration json.RawMessage) wire.Config {
	at := epoch
	return wire.Config{Generation: n, Digest: "sha256:aaaaaaaaaaaaaaaaaaaa", Applied: &at, By: operation.Actor{Name: "root", Via: "socket"}, Source: "applied", Declaration: declaration}
}

func drifted(f *fake) wire.ConfigStatus {
	if f.config == nil {
		return wire.ConfigStatus{Config: wire.Config{Source: "none"}, Complete: true, InStep: true, Drift: []wire.Drift{}, Manual: 4}
	}
	return wire.ConfigStatus{
		Config: f.generation(3, nil), Complete: true, VMs: 2, Manual: 1,
		Drift:    []wire.Drift{{VM: "web", Kind: wire.DriftPending, Path: "memory", What: "it runs with memory as it was before", Why: "QEMU cannot change it", Remedy: "hv vm reboot web"}},
		Released: []wire.Left{{Name: "old", State: vm.StateOff, Volumes: []string{"data"}}},
		Features: []wire.Awaited{{ID: "webDashboard", State: "waiting", Held: []string{"nginx"}}},
	}
}

// apply knows a declaration again, waits while another is applied ("busy" in the body), and finds that the plan
// has grown stale once ("stale").
func (f *fake) apply(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	ask := r.URL.Query()
	if ask.Get("dryRun") == "true" {
		p := plannedByFake()
		p.Config.Nothing = string(body) == string(f.config)
		if plan := ask.Get("plan"); plan != "" && plan != p.Config.Digest {
			refuse(w, stalePlan())
			return
		}
		answer(w, http.StatusOK, p)
		return
	}
	f.calls = append(f.calls, r.Method+" "+r.URL.Path+" "+ask.Get("plan")+" "+ask.Get("message"))
	switch {
	case strings.Contains(string(body), "busy") && ask.Get("noWait") == "true":
		refuse(w, wire.Problem{
			Status: wire.StatusOf(fault.Conflict), Title: "conflict", Code: "HV-CFG-003", Detail: "another declaration is being applied by root since 2026-03-01T12:00:00Z",
		})
		return
	case strings.Contains(string(body), "endless"):
		f.mu.Unlock()
		<-r.Context().Done()
		f.mu.Lock()
		return
	case strings.Contains(string(body), "stale") && !f.staled:
		f.staled = true
		refuse(w, stalePlan())
		return
	}
	f.config = body
	name, action, params := "web", "vm.start", map[string]string(nil)
	if strings.Contains(string(body), "broken") {
		name = "broken"
	}
	if strings.Contains(string(body), "deaf") { // what it takes out does not power off
		name, action, params = "broken-deaf", "vm.edit", map[string]string{"power": "off"}
	}
	f.begin(&holder{http.Header{}}, action, "vm", name, func() {})
	inner := f.order[len(f.order)-1]
	f.ops[inner].Params = params
	f.begin(&holder{http.Header{}}, "config.apply", "config", "current", func() {})
	op := f.ops[f.order[len(f.order)-1]]
	op.Params = map[string]string{"operations": inner}
	answer(w, http.StatusAccepted, op)
}

func stalePlan() wire.Problem {
	return wire.Problem{
		Status: wire.StatusOf(fault.Precondition), Title: "precondition", Code: "HV-CFG-006", Detail: "what would follow has changed since it was planned",
		Remedy: "look at the plan again: hv config apply makes a new one",
	}
}

func plannedByFake() wire.Preview {
	return wire.Preview{
		Plan: []wire.PlanStep{{Name: "start vm web"}},
		Changes: []wire.Change{
			{Path: "hypervisor.vms.web", Kind: "added", New: map[string]any{"cpus": 2}},
			{Path: "hypervisor.vms.old", Kind: "removed", Old: map[string]any{"cpus": 1}},
			{Path: "hypervisor.host.name", Kind: "changed", Old: "a", New: "b"},
		},
		Findings: finding.List{{Code: "HV-FEAT-020", Severity: finding.Advice, What: "a word"}},
		Config: &wire.ConfigPlan{
			Digest: "sha256:7777777777777777777777777777777777777777777777777777777777777777", Standing: 3, Generation: 4, Untouched: 2,
			Features: []wire.PlannedFeature{{ID: "snapshots", Was: "off", Is: "on", Why: []string{"selected in hypervisor.featureManager.extraFeatures"}, VMs: []string{"web"}}},
			VMs: []wire.PlannedVM{
				{Name: "web", Becomes: wire.Created, Power: vm.On},
				{Name: "db", Becomes: wire.PendingRestart, Changes: []wire.PlannedChange{{Path: "disks.data"}, {Path: "memory", Restart: true, Why: "QEMU cannot change it while the VM runs"}}},
				{Name: "same", Becomes: wire.Unchanged},
				{Name: "old", Becomes: wire.Stopped, Power: vm.Off, Volumes: []string{"data"}},
			},
		},
	}
}
