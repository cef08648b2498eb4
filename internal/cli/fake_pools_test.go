package cli_test

import (
	"encoding/json"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// pools serves pools: one that is nearly full, and what is made.
func (f *fake) pools(on func(string, http.HandlerFunc)) {
	own := 2 * model.GiB
	all := map[string]*wire.Pool{"default": {
		Kind: "pool", Metadata: model.Metadata{Name: "default", Project: "-", Origin: model.Manual}, Spec: storage.PoolSpec{}.Effective(), Open: true, Can: storage.Dir.Can(),
		Usage: wire.PoolUsage{Size: 100 * model.GiB, Used: 85 * model.GiB, Available: 15 * model.GiB, UsedPercent: 85, Provisioned: 120 * model.GiB, Volumes: 2},
		Users: []wire.PoolUser{
			{Volume: "web-root", Project: "default", UsedBy: "vm/web", Usage: storage.Usage{Virtual: 100 * model.GiB, Allocated: 80 * model.GiB, Exclusive: &own}},
			{Volume: "data", Project: "default", Usage: storage.Usage{Virtual: 20 * model.GiB, Allocated: 5 * model.GiB}},
		},
		Findings: finding.List{{Code: "HV-POOL-010", Severity: finding.Limited, Subject: []string{"pool/default"}, What: "pool default is 85 % full"}},
	}}
	on("GET /v1/pools", func(w http.ResponseWriter, r *http.Request) { f.list(w, r, items(f, all)) })
	on("GET /v1/pools/{name}", func(w http.ResponseWriter, r *http.Request) { show(f, w, r, all, "pool") })
	on("DELETE /v1/pools/{name}", func(w http.ResponseWriter, r *http.Request) { remove(f, w, r, all, "pool") })
	on("POST /v1/pools", func(w http.ResponseWriter, r *http.Request) {
		var body wire.CreatePool
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.called(w, r, "keep volumes in "+body.Where()) {
			f.begin(w, "pool.create", "pool", body.Name, func() {
				all[body.Name] = &wire.Pool{Kind: "pool", Metadata: model.Metadata{Name: body.Name}, Spec: body.Effective(), Where: body.Where(), Open: true, Can: body.Kind.Can()}
			})
		}
	})
	on("PATCH /v1/pools/{name}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		name := r.PathValue("name")
		if !f.called(w, r, "edit pool "+name) {
			f.begin(w, "pool.edit", "pool", name, func() { _ = json.NewDecoder(r.Body).Decode(&all[name].Spec) })
		}
	})
	on("POST /v1/storage/actions/recover", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.called(w, r, "rebuild volume web-root in pool default, which vm/web used") {
			f.begin(w, "storage.recover", "storage", "notes", func() {})
		}
	})
}
