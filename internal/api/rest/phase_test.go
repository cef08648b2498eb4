//go:build linux

package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/luks"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

var (
	theKey   = recovery.New([recovery.Random]byte{1, 2, 3})
	otherKey = recovery.New([recovery.Random]byte{3, 2, 1})
	theHash  = recovery.HashOf(theKey, [recovery.SaltBytes]byte{9})
)

// ends writes that every operation has ended, as the engine would.
func (h *house) ends() {
	h.t.Helper()
	for op, err := range h.Operations(h.t.Context(), client.ListOptions{}) {
		h.must(err)
		if !op.State.Ended() {
			now := time.Now()
			h.became(op, operation.Status{State: operation.Done, Ended: &now})
		}
	}
}

// harden hardens the house, and insists.
func (h *house) harden() {
	h.t.Helper()
	h.ends()
	_, err := h.Harden(h.t.Context(), wire.Harden{KeyHash: string(theHash)}, client.Change{})
	h.must(err)
}

// asks are requests of one action that go through in setup. within are those that a hardened host does, of a
// class that it does in part.
type asks struct {
	method, path, body, upgrade string
	contentType                 string
	within, stream              bool
	before                      func(*house)
}

const (
	vmsPath  = "/v1/projects/default/vms"
	aPatch   = "application/merge-patch+json"
	imported = 512

	trashPath = "/v1/projects/default/volume-trash/" + trashUID
	trashUID  = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"
)

// requests has at least one for every action of the table; the test fails while one that changes something has none.
func requests(h *house) map[string][]asks {
	all := byHand(h)
	filled := strings.NewReplacer("{project}", "default", "{name}", "web")
	for _, row := range action.Table() {
		if row.Wish() == action.Read && all[row.Name()] == nil {
			all[row.Name()] = []asks{{method: row.Method(), path: filled.Replace(row.Path())}}
		}
	}
	return all
}

// byHand are the requests that cannot be made of the table.
func byHand(h *house) map[string][]asks {
	running := func(h *house) { h.runs() }
	paused := func(h *house) { h.seenAs(vm.StatePaused) }
	op := ""
	for o, err := range h.Operations(h.t.Context(), client.ListOptions{}) {
		h.must(err)
		if op = o.ID; o.Action == "vm.create" {
			break
		}
	}
	get := func(path string) []asks { return []asks{{method: "GET", path: path}} }
	verb := func(name string, before func(*house)) []asks {
		return []asks{{method: "POST", path: vmsPath + "/web/actions/" + name, before: before}}
	}
	return map[string][]asks{
		"vm.create":    {{method: "POST", path: vmsPath, body: `{"name":"new","memory":"64MiB"}`}},
		"vm.edit":      {{method: "PATCH", path: vmsPath + "/web", body: `{"cpus":2}`, contentType: aPatch}},
		"image.create": {{method: "POST", path: vmsPath + "/disked/actions/image", body: `{"name":"other"}`, before: withContent}},
		"vm.clone":     {{method: "POST", path: vmsPath + "/web/actions/clone", body: `{"name":"other"}`}},
		"vm.rename":    {{method: "POST", path: vmsPath + "/web/actions/rename", body: `{"name":"other"}`}},
		"vm.cdrom": {
			{method: "POST", path: vmsPath + "/web/actions/cdrom", body: `{"drive":"cd","volume":"medium"}`},
			{method: "POST", path: vmsPath + "/web/actions/cdrom", body: `{"drive":"cd"}`, within: true},
		},
		"vm.delete": {{method: "DELETE", path: vmsPath + "/web"}},
		"vm.start":  verb("start", nil), "vm.stop": verb("stop", running), "vm.kill": verb("kill", running), "vm.pause": verb("pause", running),
		"vm.resume": verb("resume", paused), "vm.reboot": verb("reboot", running), "vm.reset": verb("reset", running), "vm.suspend": verb("suspend", running),
		"vm.logs":    get(vmsPath + "/web/logs/serial"),
		"vm.console": {{method: "GET", path: vmsPath + "/web/console", upgrade: wire.ConsoleProtocol, before: running}},
		"vm.vnc":     {{method: "GET", path: vmsPath + "/web/vnc", upgrade: wire.VNCProtocol, before: func(h *house) { h.starts(vm.Spec{Graphics: &vm.Graphics{}}) }}},

		"vm.screenshot":   {{method: "GET", path: vmsPath + "/web/screenshot", before: func(h *house) { h.starts(vm.Spec{Graphics: &vm.Graphics{}}) }}},
		"vm.exec":         {{method: "POST", path: vmsPath + "/web/actions/exec", body: `{"command":["true"]}`, before: withAgent}},
		"vm.set-password": {{method: "POST", path: vmsPath + "/web/actions/set-password", body: `{"user":"root","password":"x"}`, before: withAgent}},
		"vm.set-time":     {{method: "POST", path: vmsPath + "/web/actions/set-time", before: withAgent}},
		"vm.trim":         {{method: "POST", path: vmsPath + "/web/actions/trim", before: withAgent}},
		"vm.guest":        get(vmsPath + "/web/guest"),

		"vm.cloud-init":         get(vmsPath + "/web/cloud-init"),
		"vm.cloud-init-secrets": get(vmsPath + "/web/cloud-init/secrets"),

		"snapshot.create":     {{method: "POST", path: vmsPath + "/disked/snapshots", body: `{"name":"more"}`}},
		"snapshot.edit":       {{method: "PATCH", path: vmsPath + "/disked/snapshots/whole", body: `{"description":"kept"}`}},
		"snapshot.prune":      {{method: "POST", path: vmsPath + "/disked/snapshots/actions/prune", body: `{"keep":{"last":1}}`}},
		"snapshot.restore":    {{method: "POST", path: vmsPath + "/disked/snapshots/whole/actions/restore", body: ``}},
		"snapshot.delete":     {{method: "DELETE", path: vmsPath + "/disked/snapshots/whole"}},
		"volume.create":       {{method: "POST", path: "/v1/projects/default/volumes", body: `{"name":"more","size":"1MiB"}`}},
		"volume.import":       {{method: "PUT", path: "/v1/projects/default/volumes/brought/content?format=raw", body: strings.Repeat("x", imported), contentType: "application/octet-stream"}},
		"volume.clone":        {{method: "POST", path: "/v1/projects/default/volumes/medium/actions/clone", body: `{"name":"copy","linked":true}`}, {method: "POST", path: "/v1/projects/default/volumes/medium/actions/clone", body: `{"name":"copy","linked":false}`}},
		"volume.move":         {{method: "POST", path: "/v1/projects/default/volumes/data/actions/move", body: `{"pool":"spare"}`}},
		"volume.delete":       {{method: "DELETE", path: "/v1/projects/default/volumes/data"}},
		"volume.resize":       {{method: "POST", path: "/v1/projects/default/volumes/data/actions/resize", body: `{"size":"2MiB"}`}},
		"volume.rename":       {{method: "POST", path: "/v1/projects/default/volumes/data/actions/rename", body: `{"name":"other"}`}},
		"volume.restore":      {{method: "POST", path: trashPath + "/actions/restore", body: `{"name":"back"}`, before: discarded}},
		"volume.purge":        {{method: "DELETE", path: trashPath, before: discarded}},
		"volume.show":         get("/v1/projects/default/volumes/data"),
		"pool.create":         {{method: "POST", path: "/v1/pools", body: `{"name":"fast","kind":"dir","path":"` + filepath.Join(h.t.TempDir(), "fast") + `"}`}},
		"pool.edit":           {{method: "PATCH", path: "/v1/pools/default", body: `{"warnPercent":70}`, contentType: aPatch}},
		"pool.delete":         {{method: "DELETE", path: "/v1/pools/spare"}},
		"pool.show":           get("/v1/pools/default"),
		"storage.recover":     {{method: "POST", path: "/v1/storage/actions/recover"}},
		"image.import":        {{method: "POST", path: "/v1/projects/default/images", body: `{"name":"new","source":{"url":"https://example.org/new.qcow2"}}`}},
		"image.upload":        {{method: "PUT", path: "/v1/projects/default/images/sent/content", body: strings.Repeat("x", imported), contentType: "application/octet-stream"}},
		"environment.list":    get("/v1/environments"),
		"environment.create":  {{method: "POST", path: "/v1/projects/default/environments", body: `{"name":"shop","environment":"web","volume":"data"}`}},
		"image.update":        {{method: "POST", path: "/v1/projects/default/images/fetched/actions/update"}},
		"image-source.add":    {{method: "POST", path: "/v1/image-sources", body: `{"name":"more","kind":"index","url":"https://example.org/"}`}},
		"image-source.remove": {{method: "DELETE", path: "/v1/image-sources/listed"}},
		"image-source.offers": get("/v1/image-sources/listed/offers"),
		"image.delete":        {{method: "DELETE", path: "/v1/projects/default/images/base"}},
		"image.show":          get("/v1/projects/default/images/base"),
		"volume.check":        {{method: "POST", path: "/v1/projects/default/volumes/data/actions/check"}},
		"volume.export":       get("/v1/projects/default/volumes/data/content?format=qcow2"),
		"image.export":        get("/v1/projects/default/images/base/content"),
		"boot-file.import":    {{method: "PUT", path: "/v1/projects/default/boot-files/new/content?kind=kernel", body: "k", contentType: "application/octet-stream"}},
		"boot-file.delete":    {{method: "DELETE", path: "/v1/projects/default/boot-files/k"}},
		"boot-file.show":      get("/v1/projects/default/boot-files/k"),
		"operation.show":      get("/v1/operations/" + op),
		"operation.cancel":    {{method: "POST", path: "/v1/operations/OP/actions/cancel"}},
		"share.create":        {{method: "POST", path: "/v1/shares", body: `{"name":"music","path":"/srv/music"}`}},
		"share.delete":        {{method: "DELETE", path: "/v1/shares/spare"}},
		"share.show":          get("/v1/shares/spare"),
		"key.create":          {{method: "POST", path: "/v1/keys", body: `{"name":"house","passphrase":"a long passphrase"}`}},
		"key.rotate":          {{method: "POST", path: "/v1/keys/kept/actions/rotate", before: withKey}},
		"key.reseal":          {{method: "POST", path: "/v1/keys/kept/actions/reseal", body: `{"passphrase":"a long passphrase","new":"another passphrase"}`, before: withKey}},
		"key.unlock":          {{method: "POST", path: "/v1/keys/kept/actions/unlock", body: `{"passphrase":"a long passphrase"}`, before: withKey}},
		"key.lock":            {{method: "POST", path: "/v1/keys/kept/actions/lock", before: withKey}},
		"key.delete":          {{method: "DELETE", path: "/v1/keys/kept", before: withKey}},

		"key.renew":              {{method: "POST", path: "/v1/keys/kept/actions/renew", body: `{"passphrase":"a long passphrase"}`, before: withLostKey}},
		"volume.keyslot-list":    get("/v1/projects/default/volumes/data/keyslots"),
		"volume.keyslot-add":     {{method: "POST", path: "/v1/projects/default/volumes/sealed/keyslots", body: `{"passphrase":"to recover with"}`, before: withSealed}},
		"volume.keyslot-remove":  {{method: "DELETE", path: "/v1/projects/default/volumes/sealed/keyslots/7", before: withSealed}},
		"volume.keyslot-recover": {{method: "POST", path: "/v1/projects/default/volumes/sealed/actions/recover", body: `{"passphrase":"to recover by"}`, before: withSealed}},

		// Applied again at boot stands in TestASealedDeclarationIsAppliedAgainAtBootAndNoOther: it comes by no route.
		"config.apply": {{method: "PUT", path: "/v1/config", body: `{"version":1,"value":{}}`}},
		"config.rollback": {{method: "POST", path: "/v1/config/actions/rollback", body: `{"generation":1}`, before: func(h *house) {
			_, _ = h.ApplyConfig(h.t.Context(), []byte(`{"version":1,"value":{}}`), client.Applying{}) // so that there is one; refused once hardened
		}}},
		"host.stop-vms": {{method: "POST", path: "/v1/host/actions/stop-vms"}},
		"event.list":    {{method: "GET", path: "/v1/events", stream: true}},
		"phase.harden":  {{method: "POST", path: "/v1/phase/actions/harden", body: fmt.Sprintf(`{"keyHash":%q}`, theHash)}},
		"phase.unlock":  {{method: "POST", path: "/v1/phase/actions/unlock", body: fmt.Sprintf(`{"key":%q}`, theKey.Text())}},
		"phase.relock":  {{method: "POST", path: "/v1/phase/actions/relock"}},
	}
}

// listing is a source that lists one image.
type listing struct{}

func (listing) Offers(context.Context, storage.IndexSpec, bool) ([]storage.Offer, string, error) {
	return []storage.Offer{{Name: "web", URL: "https://example.org/web.qcow2"}, {Name: "other", URL: "https://example.org/other.qcow2"}}, "not checked", nil
}

// discarded lets a volume lie in the trash.
func discarded(h *house) {
	at := time.Now().Add(time.Hour)
	h.put(store.SpecKey(store.Ref{Kind: "trash", Project: model.DefaultProject, Name: trashUID}), storage.Trashed{
		Volume: storage.Volume{Metadata: model.Metadata{Name: "old", Project: model.DefaultProject, UID: trashUID}, Spec: storage.VolumeSpec{Size: model.MiB}}, Until: at,
	})
}

// furnished is a house in which there is something of every kind.
func furnished(t *testing.T) *house {
	h := newHouse(t, 0)
	web := small("web")
	web.CDROMs = map[string]vm.CDROM{"cd": {}}
	web.CloudInit = &vm.CloudInit{}
	_, err := h.CreateVM(t.Context(), "", web, client.Change{})
	h.must(err)
	for _, name := range []string{"data", "medium"} {
		_, err = h.CreateVolume(t.Context(), "", wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Size: model.MiB}}, client.Change{})
		h.must(err)
	}
	_, err = h.actions.ImportBootFile(t.Context(), action.Call{Root: true}, ref("k"), storage.KernelFile, 1, strings.NewReader("k"))
	h.must(err)
	_, err = h.actions.CreatePool(t.Context(), action.Call{Root: true}, wire.CreatePool{Name: "spare", PoolSpec: storage.PoolSpec{Path: filepath.Join(h.t.TempDir(), "spare")}})
	h.must(err)
	_, err = h.actions.CreateShare(t.Context(), action.Call{Root: true}, wire.CreateShare{Name: "spare", ShareSpec: storage.ShareSpec{Path: "/srv/spare"}})
	h.must(err)
	disked := small("disked")
	disked.Disks = map[string]vm.Disk{"root": {Volume: "root"}}
	_, err = h.CreateVolume(t.Context(), "", wire.CreateVolume{Name: "root", VolumeSpec: storage.VolumeSpec{Size: model.MiB}}, client.Change{})
	h.must(err)
	_, err = h.CreateVM(t.Context(), "", disked, client.Change{})
	h.must(err)
	_, err = h.CreateSnapshot(t.Context(), ref("disked"), wire.CreateSnapshot{Name: "whole"}, client.Change{})
	h.must(err)
	h.whole("disked", "whole")
	res, err := h.actions.UploadImage(t.Context(), action.Call{Root: true}, wire.ImportImage{Name: "base"}, "default", 1, strings.NewReader("x"))
	h.must(err)
	h.must(h.pool.Make(t.Context(), storage.ImageFile(res.Operation.TargetUID, storage.QCOW2), imported, nil))
	_, err = h.ApplyConfig(t.Context(), []byte(`{"version":1,"value":{"hypervisor":{"featureManager":{"extraFeatures":["devEnvironments"]}}}}`), client.Applying{})
	h.must(err)
	_, err = h.actions.AddImageSource(t.Context(), action.Call{Root: true}, wire.AddImageIndex{Name: "listed", IndexSpec: storage.IndexSpec{Kind: storage.PlainIndex, URL: "https://example.org/"}})
	h.must(err)
	res, err = h.actions.ImportImage(t.Context(), action.Call{Root: true}, "default", wire.ImportImage{Name: "fetched", ImageSpec: storage.ImageSpec{Source: storage.ImageSource{Listed: "listed:web"}}})
	h.must(err)
	h.must(h.pool.Make(t.Context(), storage.ImageFile(res.Operation.TargetUID, storage.QCOW2), imported, nil))
	fetched, err := store.PutJSON(store.StatusKey(store.Ref{Kind: "image", Project: "default", Name: "fetched"}, "reconcile"), storage.ImageStatus{Ready: true, Format: storage.QCOW2}, 0)
	h.must(err)
	made, err := store.PutJSON(store.StatusKey(store.Ref{Kind: "image", Project: "default", Name: "base"}, "reconcile"), storage.ImageStatus{Ready: true, Format: storage.QCOW2}, 0)
	h.must(err)
	_, err = h.store.Commit(t.Context(), store.Txn{Then: []store.Op{made, fetched}})
	h.must(err)
	h.ends()
	return h
}

// withContent has something in the volume of the VM that has one.
func withContent(h *house) {
	v, _, err := store.Get[storage.Volume](h.t.Context(), h.store, store.SpecKey(store.Ref{Kind: "volume", Project: model.DefaultProject, Name: "root"}))
	h.must(err)
	h.must(h.pool.Make(h.t.Context(), v.File, imported, nil))
}

// whole writes that a snapshot was taken, as the engine would.
func (h *house) whole(name, snapshot string) {
	h.t.Helper()
	o, err := h.VM(h.t.Context(), ref(name))
	h.must(err)
	key := store.SpecKey(store.Ref{Kind: "snapshot", Project: model.DefaultProject, Name: o.Spec.UUID + "." + snapshot})
	s, _, err := store.Get[vm.Snapshot](h.t.Context(), h.store, key)
	h.must(err)
	s.Phase, s.Taken = "", &vm.Taken{At: time.Now(), State: vm.StateOff}
	for device, d := range s.Disks {
		d.Layers = []storage.Layer{{ID: d.VolumeUID, Pool: storage.DefaultPool, Format: storage.Raw, Size: model.MiB}}
		s.Disks[device] = d
	}
	put, err := store.PutJSON(key, s, 0)
	h.must(err)
	_, err = h.store.Commit(h.t.Context(), store.Txn{Then: []store.Op{put}})
	h.must(err)
}

// withKey has a key there that was made before the host was hardened.
func withKey(h *house) {
	_, err := h.keys.Make(h.t.Context(), "kept", storage.KeySpec{}, "a long passphrase")
	h.must(err)
	ref := store.Ref{Kind: "key", Project: store.HostWide, Name: "kept"}
	key, err := store.PutJSON(store.SpecKey(ref), storage.Key{Metadata: model.Metadata{Name: "kept", Project: store.HostWide, UID: trashUID, Generation: 1}, Secret: 1}, 0)
	h.must(err)
	status, err := store.PutJSON(store.StatusKey(ref, "reconcile"), storage.KeyStatus{State: storage.KeyUnlocked, Secret: 1}, 0)
	h.must(err)
	_, err = h.store.Commit(h.t.Context(), store.Txn{Then: []store.Op{key, status}})
	h.must(err)
}

// withLostKey is withKey of which the sealed file is gone.
func withLostKey(h *house) {
	withKey(h)
	h.must(h.keys.Leave("kept"))
	status, err := store.PutJSON(store.StatusKey(store.Ref{Kind: "key", Project: store.HostWide, Name: "kept"}, "reconcile"), storage.KeyStatus{State: storage.KeyLost, Secret: 1}, 0)
	h.must(err)
	_, err = h.store.Commit(h.t.Context(), store.Txn{Then: []store.Op{status}})
	h.must(err)
}

// withSealed has an encrypted volume there, which a passphrase opens too.
func withSealed(h *house) {
	withKey(h)
	secret, err := h.keys.Secret(h.t.Context(), "kept")
	h.must(err)
	const uid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a77"
	v := storage.Volume{
		Metadata: model.Metadata{Name: "sealed", Project: model.DefaultProject, UID: uid, Generation: 1}, File: storage.VolumeFile(uid, storage.Raw),
		Spec: storage.VolumeSpec{Pool: storage.DefaultPool, Format: storage.Raw, Size: model.MiB, Encryption: "kept"},
	}
	h.must(h.pool.Make(h.t.Context(), v.File, luks.Size+model.MiB, func(_ context.Context, f *os.File) error {
		header, err := luks.New(secret)
		if err == nil {
			_, err = f.WriteAt(header, 0)
		}
		if err == nil {
			err = luks.AddAt(f, 7, secret, "to recover by", 2000)
		}
		return err
	}))
	put, err := store.PutJSON(store.SpecKey(store.Ref{Kind: "volume", Project: model.DefaultProject, Name: "sealed"}), v, 0)
	h.must(err)
	_, err = h.store.Commit(h.t.Context(), store.Txn{Then: []store.Op{put}})
	h.must(err)
}

// Every action of the table is asked for by its route, in both phases. What the phase refuses is what the table
// says, and it changes nothing; what it allows is done.
func TestEveryActionDoesInEachPhaseWhatTheTableSays(t *testing.T) {
	for _, p := range []phase.Phase{phase.Setup, phase.Hardened} {
		t.Run(string(p), func(t *testing.T) {
			shared := furnished(t) // for what only looks
			all := requests(shared)
			if p == phase.Hardened {
				shared.harden()
			}
			for _, row := range action.Table() {
				if len(all[row.Name()]) == 0 {
					t.Errorf("%s has no request in this test: nobody knows what it does in each phase", row.Name())
				}
				for i := range all[row.Name()] {
					h := shared
					if row.Wish() != action.Read {
						h = furnished(t)
						if p == phase.Hardened {
							h.harden()
						}
					}
					t.Run(fmt.Sprintf("%s/%d", row.Name(), i), func(t *testing.T) { h.inPhase(t, row, requests(h)[row.Name()][i], p) })
				}
			}
		})
	}
}

func (h *house) inPhase(t *testing.T, row action.Row, r asks, p phase.Phase) {
	if r.before != nil {
		r.before(h)
	}
	if row == action.OperationCancel { // of a start that is under way, which a hardened host does, too
		res, err := h.PowerVM(t.Context(), ref("web"), "start", wire.VerbOptions{}, client.Change{})
		h.must(err)
		r.path = strings.Replace(r.path, "OP", res.Operation.ID, 1)
	}
	before := h.revision()
	got := h.asks(r)
	refused := got.status == http.StatusForbidden && strings.Contains(got.body, "HV-PHASE-001")
	if want := !p.Allows(row.Class(), r.within); refused != want {
		t.Fatalf("%s %s: %d %s; refused by the phase: %v, by the table: %v", r.method, r.path, got.status, got.body, refused, want)
	}
	switch {
	case refused:
		h.isLeftAsItWas(t, row, r, got, before)
	case row.Class() == phase.Unlock && p == phase.Setup, row == action.PhaseRelock && p == phase.Setup:
		if got.status != wire.StatusOf(fault.Precondition) || !strings.Contains(got.body, "HV-PHASE-005") {
			t.Errorf("%d %s", got.status, got.body)
		}
	case got.status >= 300 && row.Wish() != action.Read: // what there is to look at is not this test's matter
		t.Errorf("%s %s: %d %s", r.method, r.path, got.status, got.body)
	}
}

// isLeftAsItWas looks at what a refusal says, that nothing was changed, and that a dry run is refused as well.
func (h *house) isLeftAsItWas(t *testing.T, row action.Row, r asks, got reply, before int64) {
	if h.revision() != before {
		t.Error("it was refused and has changed something")
	}
	problem := got.problem(t)
	if !strings.Contains(problem.Detail, row.What()) || !strings.Contains(problem.Remedy, "hv phase unlock") {
		t.Errorf("the refusal does not say what and how out: %+v", problem)
	}
	if !row.DryRun() {
		return
	}
	r.path += map[bool]string{true: "&", false: "?"}[strings.Contains(r.path, "?")] + "dryRun=true"
	if got := h.asks(r); got.status != http.StatusForbidden || !strings.Contains(got.body, "HV-PHASE-001") {
		t.Errorf("its dry run: %d %s", got.status, got.body)
	}
}

// asks makes a request of a table of requests. A stream or a connection is closed when it has begun.
func (h *house) asks(r asks) reply {
	h.t.Helper()
	var header []string
	if r.contentType != "" {
		header = append(header, "Content-Type: "+r.contentType)
	}
	if r.upgrade != "" {
		return h.begins(r.path, "Connection: Upgrade", "Upgrade: "+r.upgrade)
	}
	if r.stream {
		return h.begins(r.path)
	}
	return h.ask(r.method, r.path, r.body, header...)
}

// begins asks for what goes on until one side ends it, and ends it; a refusal is read.
func (h *house) begins(path string, header ...string) reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, "http://hvd"+path, nil)
	h.must(err)
	resp := h.send(req, header)
	defer func() { _ = resp.Body.Close() }()
	got := reply{status: resp.StatusCode, header: resp.Header}
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
		got.status = http.StatusOK
	case resp.StatusCode >= 300:
		data, err := io.ReadAll(resp.Body)
		h.must(err)
		got.body = string(data)
	}
	return got
}

func (h *house) revision() int64 {
	h.t.Helper()
	r, err := h.store.Revision(h.t.Context())
	h.must(err)
	return r
}

// seenAs writes that the VM "web" was seen in a state.
func (h *house) seenAs(state vm.State) {
	h.t.Helper()
	h.starts(vm.Spec{})
	h.put(store.StatusKey(store.Ref{Kind: "vm", Project: model.DefaultProject, Name: "web"}, "power"), vm.PowerStatus{State: state, Seen: time.Now(), Since: time.Now(), Process: &vm.Process{PID: 1, Started: &vm.Spec{}}})
}

func TestTheKeyIsToldNowhere(t *testing.T) {
	h := furnished(t)
	h.harden()
	for _, body := range []string{
		fmt.Sprintf(`{"key":%q}`, theKey.Text()),
		fmt.Sprintf(`{"key":%q}`, otherKey.Text()),
		fmt.Sprintf(`{"key":%q}`, theKey.Text()+"X"),
		fmt.Sprintf(`{"key":%q,"more":%q}`, theKey.Text(), theKey.Text()),
		fmt.Sprintf(`{"key":[%q]}`, theKey.Text()),
		fmt.Sprintf(`{"key":%q`, theKey.Text()),
	} {
		got := h.ask("POST", "/v1/phase/actions/unlock", body, "Idempotency-Key: once")
		h.saysNothing("the answer to "+body[:6], got.body)
	}
	h.saysNothing("the daemon's log", h.words.String())
	page, err := h.audit.Read(t.Context(), 0, 0, audit.Filter{})
	h.must(err)
	records, err := json.Marshal(page.Records)
	h.must(err)
	h.saysNothing("the audit log", string(records))
	if !strings.Contains(string(records), `"phase.unlock"`) {
		t.Errorf("attempts are not recorded: %s", records)
	}
	seal, err := os.ReadFile(h.seal.Path())
	h.must(err)
	h.saysNothing("the seal", string(seal))
	var kept strings.Builder
	list, err := h.store.List(t.Context(), store.Root, store.ListOptions{})
	h.must(err)
	for _, kv := range list.KVs {
		kept.Write(kv.Value)
	}
	h.saysNothing("the store", kept.String())
	if strings.Contains(kept.String(), "argon2") || strings.Contains(string(records), "argon2") || strings.Contains(h.words.String(), "argon2") {
		t.Error("the key's hash is told")
	}
}

// saysNothing looks for a key, whole or in groups.
func (h *house) saysNothing(where, text string) {
	h.t.Helper()
	for _, k := range []recovery.Key{theKey, otherKey} {
		for g := range strings.SplitSeq(k.Text(), "-") {
			if g != "00000" && strings.Trim(g, "0123456") != "" && strings.Contains(text, g) {
				h.t.Errorf("%s tells of the key (%s): %s", where, g, text)
				return
			}
		}
		if strings.Contains(text, k.Text()) {
			h.t.Errorf("%s tells the key: %s", where, text)
		}
	}
}

func TestThePhaseIsShownWithWhatWasSealedAndWhatWaits(t *testing.T) {
	h := furnished(t)
	p, err := h.Phase(t.Context())
	if err != nil || p.Name != "setup" || p.Since != nil || p.Sealed != nil {
		t.Errorf("%+v %v", p, err)
	}
	h.harden()
	p, err = h.Phase(t.Context())
	if err != nil || p.Name != "hardened" || p.Since == nil || p.By == nil || p.By.UID != 0 || p.KeyID != theHash.ID() || p.UnlockDelay != 600 ||
		p.Sealed.Generation != 1 || p.Sealed.Digest != p.Digest || p.Sealed.VMs != 2 || len(p.Findings) != 0 || p.Unlock != nil {
		t.Errorf("%+v %v", p, err)
	}
	_, err = h.Unlock(t.Context(), wire.Unlock{Key: theKey.Text()}, client.Change{})
	h.must(err)
	if p, err = h.Phase(t.Context()); err != nil || p.Name != "hardened" || p.Unlock == nil || p.Unlock.Due.Sub(p.Unlock.Asked).Round(time.Minute) != 10*time.Minute {
		t.Errorf("%+v %v", p, err)
	}
	_, err = h.Relock(t.Context(), client.Change{})
	h.must(err)
	if p, err = h.Phase(t.Context()); err != nil || p.Unlock != nil {
		t.Errorf("%+v %v", p, err)
	}
	host, err := h.Host(t.Context())
	if err != nil || host.Phase != "hardened" {
		t.Errorf("%+v %v", host, err)
	}
}
