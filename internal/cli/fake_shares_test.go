package cli_test

import (
	"encoding/json"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// shares serves shares: one that a VM mounts, and what is made.
func (f *fake) shares(on func(string, http.HandlerFunc)) {
	all := map[string]*wire.Share{"music": {
		Kind: "share", Metadata: model.Metadata{Name: "music", Project: "-", Origin: model.Manual},
		Spec: storage.ShareSpec{Path: "/srv/music", ReadOnly: true}, UsedBy: []string{"default/web"},
	}}
	on("GET /v1/shares", func(w http.ResponseWriter, r *http.Request) { f.list(w, r, items(f, all)) })
	on("GET /v1/shares/{name}", func(w http.ResponseWriter, r *http.Request) { show(f, w, r, all, "share") })
	on("DELETE /v1/shares/{name}", func(w http.ResponseWriter, r *http.Request) { remove(f, w, r, all, "share") })
	on("POST /v1/shares", func(w http.ResponseWriter, r *http.Request) {
		var body wire.CreateShare
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.called(w, r, "VMs may mount "+body.Path+" as share "+body.Name) {
			f.begin(w, "share.create", "share", body.Name, func() {
				all[body.Name] = &wire.Share{Kind: "share", Metadata: model.Metadata{Name: body.Name}, Spec: body.ShareSpec}
			})
		}
	})
}
