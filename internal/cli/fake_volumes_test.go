package cli_test

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// changeVolume answers the verbs on volumes.
func (f *fake) changeVolume(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body struct {
		Name string
		Size model.Bytes
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	name, verb := r.PathValue("name"), r.PathValue("verb")
	v, ok := f.volumes[name]
	if !ok {
		missing(w, "volume", name)
		return
	}
	if f.called(w, r, verb+" volume "+name) {
		return
	}
	f.begin(w, "volume."+verb, "volume", name, func() {
		switch verb {
		case "resize":
			v.Spec.Size = body.Size
		case "rename":
			delete(f.volumes, name)
			f.addVolume(body.Name, v.Spec.Size)
		}
	})
}

const trashUID = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

// trash lists one volume that was deleted.
func (f *fake) trash(w http.ResponseWriter, r *http.Request) {
	f.list(w, r, []any{wire.TrashedVolume{
		Kind: "trashed-volume", Metadata: model.Metadata{Name: "old", Project: "default", UID: trashUID},
		Spec: storage.VolumeSpec{Pool: "default", Size: model.MiB}, At: epoch.Add(-time.Hour), Until: epoch.Add(24 * time.Hour),
	}})
}

// restore answers what is done to it.
func (f *fake) restore(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.PathValue("name") != trashUID {
		missing(w, "volume in the trash", r.PathValue("name"))
		return
	}
	if !f.called(w, r, r.Method+" of the trash") {
		f.begin(w, "volume.restore", "trash", trashUID, func() {})
	}
}
