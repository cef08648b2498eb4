package cli_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// epoch is the time in which the fake lives.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fake is a daemon that keeps what it is told in maps and does at once what it is asked for. VMs whose
// name begins with "slow" never get there; those that begin with "broken" fail.
type fake struct {
	mu       sync.Mutex
	more     *sync.Cond // something happened
	revision int64
	events   []wire.Event
	vms      map[string]*wire.VM
	volumes  map[string]*wire.Volume
	boot     map[string]*wire.BootFile
	ops      map[string]*operation.Operation
	order    []string // of ops
	calls    []string // methods and paths of changes, as they came
	config   json.RawMessage
	staled   bool
	console  string // what the guest prints
	seal     seal
	asks     func(*http.Request) *wire.Problem
}

// serve starts a fake on a socket of its own and returns the socket's path. It ends with done.
func serve(dir string) (f *fake, socket string, done func(), err error) {
	f = &fake{vms: map[string]*wire.VM{}, volumes: map[string]*wire.Volume{}, boot: map[string]*wire.BootFile{}, ops: map[string]*operation.Operation{}}
	f.more = sync.NewCond(&f.mu)
	f.console = "SeaBIOS\r\n\x1b[2Jbooting\r\nguest: ready\r\nlogin: "
	socket = filepath.Join(dir, "api.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, "", nil, err
	}
	s := &http.Server{Handler: f.routes(), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	return f, socket, func() { _ = s.Close() }, nil
}

// newFake is serve for a test.
func newFake(t *testing.T) (*fake, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hv") // a test's own folder may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	f, socket, done, err := serve(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		done()
		_ = os.RemoveAll(dir)
	})
	return f, socket
}

func (f *fake) routes() http.Handler {
	const project = "/v1/projects/{project}"
	m := http.NewServeMux()
	on := func(pattern string, h http.HandlerFunc) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if f.asks != nil {
				if p := f.asks(r); p != nil {
					refuse(w, *p)
					return
				}
			}
			h(w, r)
		})
	}
	on("GET "+project+"/vms", func(w http.ResponseWriter, r *http.Request) { f.list(w, r, f.vmItems(r)) })
	on("POST "+project+"/vms", f.createVM)
	on("GET "+project+"/vms/{name}", func(w http.ResponseWriter, r *http.Request) { show(f, w, r, f.vms, "vm") })
	on("DELETE "+project+"/vms/{name}", f.deleteVM)
	on("PATCH "+project+"/vms/{name}", f.editVM)
	on("POST "+project+"/vms/{name}/actions/rename", f.rename)
	on("POST "+project+"/vms/{name}/actions/{verb}", f.power)
	on("GET "+project+"/vms/{name}/console", f.connect)
	on("GET "+project+"/vms/{name}/vnc", f.screen)
	on("GET "+project+"/vms/{name}/screenshot", f.picture)
	on("GET "+project+"/vm-usage", f.usages)
	on("GET "+project+"/vms/{name}/usage", f.usage)
	on("GET "+project+"/vms/{name}/logs/{log}", f.log)
	f.pools(on)
	f.shares(on)
	on("GET "+project+"/volumes", func(w http.ResponseWriter, r *http.Request) { f.list(w, r, items(f, f.volumes)) })
	on("POST "+project+"/volumes", f.createVolume)
	on("GET "+project+"/volumes/{name}", func(w http.ResponseWriter, r *http.Request) { show(f, w, r, f.volumes, "volume") })
	on("DELETE "+project+"/volumes/{name}", func(w http.ResponseWriter, r *http.Request) { remove(f, w, r, f.volumes, "volume") })
	on("PUT "+project+"/volumes/{name}/content", f.importVolume)
	on("POST "+project+"/volumes/{name}/actions/{verb}", f.changeVolume)
	on("GET "+project+"/volume-trash", f.trash)
	on("POST "+project+"/volume-trash/{name}/actions/restore", f.restore)
	on("DELETE "+project+"/volume-trash/{name}", f.restore)
	on("GET "+project+"/boot-files", func(w http.ResponseWriter, r *http.Request) { f.list(w, r, items(f, f.boot)) })
	on("GET "+project+"/boot-files/{name}", func(w http.ResponseWriter, r *http.Request) { show(f, w, r, f.boot, "boot-file") })
	on("DELETE "+project+"/boot-files/{name}", func(w http.ResponseWriter, r *http.Request) { remove(f, w, r, f.boot, "boot-file") })
	on("PUT "+project+"/boot-files/{name}/content", f.importBootFile)
	on("GET /v1/operations", func(w http.ResponseWriter, r *http.Request) { f.list(w, r, f.opItems()) })
	on("GET /v1/operations/{id}", f.operation)
	on("POST /v1/operations/{id}/actions/cancel", f.cancel)
	on("GET /v1/events", f.follow)
	f.hostRoutes(on)
	f.phaseRoutes(on)
	return m
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, p wire.Problem) {
	p.RequestID = "req-1"
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func missing(w http.ResponseWriter, kind, name string) {
	refuse(w, wire.Problem{
		Type: "about:blank", Title: "not found", Status: wire.StatusOf(fault.NotFound), Detail: fmt.Sprintf("there is no %s %q", kind, name),
		Code: "HV-VM-001", Remedy: "hv " + kind + " list",
	})
}

// list answers one page.
func (f *fake) list(w http.ResponseWriter, r *http.Request, all []any) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	if limit == 0 {
		limit = 2 // so that every list has pages
	}
	f.mu.Lock()
	p := wire.Page{Items: []json.RawMessage{}, Revision: f.revision, Total: len(all)}
	f.mu.Unlock()
	for i := from; i < min(from+limit, len(all)); i++ {
		text, _ := json.Marshal(all[i])
		p.Items = append(p.Items, text)
	}
	if from+limit < len(all) {
		p.Next = strconv.Itoa(from + limit)
	}
	answer(w, http.StatusOK, p)
}

func items[T any](f *fake, m map[string]T) []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []any
	for _, name := range sorted(m) {
		all = append(all, m[name])
	}
	return all
}

func sorted[T any](m map[string]T) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (f *fake) vmItems(r *http.Request) []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	sel, err := model.ParseSelector(r.URL.Query().Get("selector"))
	if err != nil {
		panic(err)
	}
	var all []any
	for _, name := range sorted(f.vms) {
		v := f.vms[name]
		if !strings.Contains(name, r.URL.Query().Get("filter")) || !sel.Matches(v.Metadata.Labels) {
			continue
		}
		all = append(all, wire.VMSummary{
			Name: name, Project: "default", UID: v.Metadata.UID, State: v.Status.Power.State, Wish: v.Effective.Power, CPUs: v.Effective.CPUs,
			Memory: v.Effective.Memory, Accel: v.Status.Power.Accelerator, Labels: v.Metadata.Labels, Origin: model.Manual, Created: v.Metadata.Created,
			Since: &v.Status.Power.Since,
		})
	}
	return all
}

func (f *fake) opItems() []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []any
	for _, id := range slices.Backward(f.order) {
		all = append(all, f.ops[id])
	}
	return all
}

func show[T any](f *fake, w http.ResponseWriter, r *http.Request, m map[string]T, kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := m[r.PathValue("name")]; ok {
		answer(w, http.StatusOK, v)
		return
	}
	missing(w, kind, r.PathValue("name"))
}

// called notes a change; for a dry run it answers the plan and reports true.
func (f *fake) called(w http.ResponseWriter, r *http.Request, plan ...string) bool {
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	if r.URL.Query().Get("dryRun") != "true" {
		return false
	}
	p := wire.Preview{Findings: finding.List{}}
	for _, step := range plan {
		p.Plan = append(p.Plan, wire.PlanStep{Name: step})
	}
	answer(w, http.StatusOK, p)
	return true
}

// begin makes an operation, and ends it unless its target is slow.
func (f *fake) begin(w http.ResponseWriter, action, kind, name string, do func()) {
	id := fmt.Sprintf("%016x", 0x7f3a000000000000+int64(len(f.order)))
	begun, over := epoch, epoch.Add(400*time.Millisecond)
	op := &operation.Operation{
		Wish: operation.Wish{
			ID: id, Action: action, Target: operation.Target{Kind: kind, Ref: model.Ref{Project: "default", Name: name}},
			Actor: operation.Actor{UID: 1000, Name: "ada", Via: "socket"}, Created: begun,
		},
		Status: operation.Status{State: operation.Running, Steps: []operation.Step{{Name: "do it", State: operation.Running, Started: &begun}}},
	}
	f.ops[id], f.order = op, append(f.order, id)
	switch {
	case strings.HasPrefix(name, "slow"):
	case strings.HasPrefix(name, "broken"):
		op.State, op.Ended, op.Steps[0].State = operation.Failed, &over, operation.Failed
		op.Error = &operation.Problem{Kind: "exhausted", Code: "HV-VM-012", What: "there is no room for it", Hint: "make some"}
	default:
		op.State, op.Ended, op.Steps[0].State, op.Steps[0].Ended = operation.Done, &over, operation.Done, &over
		do()
	}
	f.happened(kind+".changed", kind+"/default/"+name, nil)
	f.happened("operation.changed", "operation/default/"+id, op)
	answer(w, http.StatusAccepted, op)
}

// happened tells everybody who follows.
func (f *fake) happened(kind, subject string, data any) {
	f.revision++
	text, _ := json.Marshal(data)
	f.events = append(f.events, wire.Event{
		SpecVersion: "1.0", ID: fmt.Sprintf("%d.0", f.revision), Source: "fake", Type: kind, Time: epoch, Subject: subject, Revision: f.revision, Data: text,
	})
	f.more.Broadcast()
}

func (f *fake) operation(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range f.order {
		if strings.HasPrefix(id, r.PathValue("id")) {
			answer(w, http.StatusOK, f.ops[id])
			return
		}
	}
	missing(w, "operation", r.PathValue("id"))
}

func (f *fake) cancel(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op, ok := f.ops[r.PathValue("id")]
	if !ok {
		missing(w, "operation", r.PathValue("id"))
		return
	}
	f.begin(w, "operation.cancel", "operation", op.ID, func() {
		over := epoch.Add(time.Second)
		op.State, op.Ended = operation.Cancelled, &over
		f.happened("operation.changed", "operation/default/"+op.ID, op)
	})
}

// addVM puts a VM there that was made before.
func (f *fake) addVM(def vm.Definition, state vm.State) {
	effective, defaults := vm.Effective(def.Spec, "x86_64")
	f.vms[def.Name] = &wire.VM{
		Kind: "vm", Spec: def.Spec, Effective: effective, Defaults: defaults,
		Metadata: model.Metadata{
			Name: def.Name, Project: "default", UID: "5f3759df-0000-4000-8000-000000000001", Labels: def.Labels, Origin: model.Manual, Generation: 1,
			Revision: 7, Created: epoch.Add(-3 * time.Hour),
		},
		Status: vm.Status{Power: &vm.PowerStatus{State: state, Seen: epoch, Since: epoch.Add(-5 * time.Minute), ObservedGeneration: 1, Accelerator: vm.TCG}},
	}
}

func (f *fake) addVolume(name string, size model.Bytes) {
	f.volumes[name] = &wire.Volume{
		Kind: "volume", Metadata: model.Metadata{Name: name, Project: "default", Origin: model.Manual, Created: epoch.Add(-49 * time.Hour)},
		Spec: storage.VolumeSpec{Pool: "default", Format: storage.Raw, Size: size}, Usage: storage.VolumeUsage{Allocated: size / 4}, Ready: true,
	}
}
