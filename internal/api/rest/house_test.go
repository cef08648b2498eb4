//go:build linux

package rest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/boot"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/dir"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/image"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/keys"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/internal/view"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakeseal"
	"github.com/hyper-nixos/hyper-nixos/test/memory"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

var update = flag.Bool("update", false, "write the files that are made from the code")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a daemon without hands: the real actions, view, store, audit log and pools, served on a
// unix socket.
type house struct {
	*client.Client
	t       testing.TB
	dir     string
	socket  string
	server  *server
	actions *action.Actions
	view    *view.View
	store   *local.Store
	audit   *audit.Log
	images  *image.Library
	pool    backend.Backend
	keys    *keys.Keys
	lines   *lines
	words   *bytes.Buffer // the daemon's log
	seal    *fakeseal.Seal
	stop    func() // the API ends
}

// member and nobody are uids; 0 is root.
const member = 1000

func newHouse(t testing.TB, uid uint32) *house { return build(t, uid, nil) }

func build(t testing.TB, uid uint32, edit func(*server)) *house {
	t.Helper()
	h := &house{t: t, dir: memory.Dir(t), lines: newLines(), words: &bytes.Buffer{}, seal: fakeseal.New(t)}
	var err error
	h.store, err = local.Open(filepath.Join(h.dir, "store"), local.Options{})
	h.must(err)
	h.audit, err = audit.Open(filepath.Join(h.dir, "audit"), audit.Options{})
	h.must(err)
	pool := pools.New(func(ctx context.Context, name string, spec storage.PoolSpec, fresh bool) (backend.Backend, error) {
		if name == storage.DefaultPool {
			return dir.Open(name, filepath.Join(h.dir, "pool"))
		}
		return dir.OpenAt(ctx, name, spec.Path, fresh, nil)
	})
	_, err = pool.Reach(context.Background(), storage.DefaultPool, storage.PoolSpec{})
	h.must(err)
	ring, err := keys.Open(filepath.Join(h.dir, "keys"), nil)
	h.must(err)
	pool.Keys, h.keys = ring, ring
	boots, err := boot.Open(filepath.Join(h.dir, "boot"))
	h.must(err)
	h.pool, err = pool.Of(storage.DefaultPool)
	h.must(err)
	h.images, err = image.Open(filepath.Join(h.dir, "images"), h.pool, nil)
	h.must(err)
	log := slog.New(slog.NewTextHandler(&locked{w: h.words}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.actions = action.New(action.Config{
		Store: h.store, Audit: h.audit, Volumes: pool, Pools: pool, Keys: ring, BootFiles: boots, Images: h.images, Facts: facts, Now: time.Now, Random: random, Log: log, Seal: h.seal,
	})
	h.view = view.New(view.Config{
		Store: h.store, Audit: h.audit, Facts: facts, Features: h.actions.Resolution, Phase: h.actions.Phase, Pools: pool, Allocated: pool.Allocated,
		Now: time.Now, Version: "test", Log: log,
	})
	h.must(h.view.Load(t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.view.Run(ctx) })
	h.server = newServer(Config{Actions: h.actions, View: h.view, Console: h.lines, Screens: pictures{h.lines}, Images: h.images, Volumes: inOrder{}, Sources: listing{}, Guests: inside{}, Logs: h.lines, Version: "test", Log: log})
	if edit != nil {
		edit(h.server)
	}
	h.socket = filepath.Join(h.dir, "api.sock")
	h.Client = client.Unix(h.socket)
	h.serve(uid)
	t.Cleanup(func() {
		h.Close()
		h.stop()
		cancel()
		running.Wait()
		h.must(errors.Join(boots.Close(), h.images.Close(), pool.Close(), h.audit.Close(), h.store.Close()))
	})
	return h
}

// serve answers on a socket, to whoever connects as if uid had.
func (h *house) serve(uid uint32) {
	h.t.Helper()
	l, err := net.Listen("unix", h.socket)
	h.must(err)
	as := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.server.handler().ServeHTTP(w, r.WithContext(withPeer(r.Context(), uid)))
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, as) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// locked is a buffer that many may write to.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func facts() host.Facts {
	return host.Facts{
		Version: host.Version, Name: "here", OS: "linux", Arch: "x86_64", CPUs: 4, Memory: 8 * model.GiB,
		KVM:  &host.Verdict{Why: "the probe VM did not end"},
		QEMU: &host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Arch: "x86_64", Version: "7.2.22", Machines: []host.Machine{{Name: "pc-q35-7.2", Alias: "q35", CPUs: 288}}},
	}
}

func ref(name string) model.Ref { return model.Ref{Project: model.DefaultProject, Name: name} }

func small(name string) vm.Definition {
	return vm.Definition{Name: name, Spec: vm.Spec{Memory: 256 * model.MiB}}
}

// create makes a VM and insists.
func (h *house) create(name string) operation.Operation {
	h.t.Helper()
	res, err := h.CreateVM(h.t.Context(), "", small(name), client.Change{})
	h.must(err)
	return *res.Operation
}

// put writes what a hand would have written.
func (h *house) put(key string, v any) {
	h.t.Helper()
	op, err := store.PutJSON(key, v, 0)
	h.must(err)
	res, err := h.store.Commit(h.t.Context(), store.Txn{Then: []store.Op{op}})
	h.must(err)
	h.must(h.view.Await(h.t.Context(), res.Revision))
}

// runs writes what reconcile would have seen of the VM web when it runs.
func (h *house) runs() { h.starts(vm.Spec{}) }

// starts lets the VM "web" be seen running, started with that spec.
func (h *house) starts(spec vm.Spec) {
	h.t.Helper()
	key := store.StatusKey(store.Ref{Kind: "vm", Project: model.DefaultProject, Name: "web"}, "power")
	h.put(key, vm.PowerStatus{State: vm.StateRunning, Seen: time.Now(), Since: time.Now(), Process: &vm.Process{PID: 1, Started: &spec}})
}

// became writes what became of an operation.
func (h *house) became(op operation.Operation, st operation.Status) {
	h.t.Helper()
	h.put(store.StatusKey(store.Ref{Kind: "operation", Project: op.Target.Project, Name: op.ID}, "reconcile"), st)
}

// reply is an answer as it came.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) problem(t testing.TB) wire.Problem {
	t.Helper()
	var p wire.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d is no problem (%v): %s %s", r.status, err, r.header.Get("Content-Type"), r.body)
	}
	if p.Status != r.status || p.Title == "" || p.Detail == "" || p.RequestID == "" || p.Type == "" {
		t.Errorf("half a problem: %s", r.body)
	}
	return p
}

// ask makes a request as a program without our client would. header is "Name: value" lines.
func (h *house) ask(method, path, body string, header ...string) reply {
	h.t.Helper()
	return h.askWith(method, path, strings.NewReader(body), int64(len(body)), header...)
}

func (h *house) askWith(method, path string, body io.Reader, size int64, header ...string) reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, "http://hvd"+path, body)
	h.must(err)
	req.ContentLength = size
	if size > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp := h.send(req, header)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	h.must(err)
	return reply{status: resp.StatusCode, header: resp.Header, body: string(data)}
}

// send sends a request with these lines of header over a connection of its own. Who calls it closes the body.
func (h *house) send(req *http.Request, header []string) *http.Response {
	h.t.Helper()
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", h.socket)
	}}
	resp, err := transport.RoundTrip(req)
	h.must(err)
	return resp
}

// refusal checks an error of the client: its kind, and words of everything that it tells.
func refusal(t testing.TB, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("got %v (%v), want %v", err, fault.KindOf(err), kind)
	}
	text := err.Error() + " | " + fault.HintOf(err) + " | " + fault.CodeOf(err)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not told in: %s", w, text)
		}
	}
}

// lines are serial lines and logs without VMs: what is typed is echoed.
type lines struct {
	mu     sync.Mutex
	open   int
	closed chan struct{} // one for each that was closed
	log    string
}

func newLines() *lines { return &lines{closed: make(chan struct{}, 64), log: "booted\nlogin: "} }

func (l *lines) Connect(_ context.Context, _ model.Ref, opt vm.ConsoleOptions) (io.ReadWriteCloser, error) {
	r, w := io.Pipe()
	l.mu.Lock()
	l.open++
	l.mu.Unlock()
	before := l.log[len(l.log)-min(opt.Scrollback, len(l.log)):]
	return &line{Reader: io.MultiReader(strings.NewReader(before), r), PipeReader: r, w: w, lines: l}, nil
}

type line struct {
	io.Reader
	*io.PipeReader
	w     *io.PipeWriter
	lines *lines
	once  sync.Once
}

func (l *line) Read(p []byte) (int, error) { return l.Reader.Read(p) }

func (l *line) Write(p []byte) (int, error) { return l.w.Write(bytes.ToUpper(p)) }

func (l *line) Close() error {
	l.once.Do(func() {
		_ = l.w.Close()
		_ = l.PipeReader.Close()
		l.lines.closed <- struct{}{}
	})
	return nil
}

func (l *lines) Read(_ context.Context, ref model.Ref, log string, part vm.LogPart) (io.ReadCloser, error) {
	if log == "qemu" {
		return nil, fault.New(fault.NotFound, "vm %q has no qemu log yet", ref.Name)
	}
	text := l.log
	if part.Tail >= 0 {
		text = text[len(text)-min(part.Tail, len(text)):]
	}
	if part.Lines == 1 {
		text = text[strings.LastIndexByte(text, '\n')+1:]
	}
	if !part.Follow {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	r, w := io.Pipe()
	return &line{Reader: io.MultiReader(strings.NewReader(text), r), PipeReader: r, w: w, lines: l}, nil
}

// inOrder are volumes that are in order, and empty: nobody has made their files.
type inOrder struct{}

func (inOrder) Export(context.Context, storage.Volume, string) (*os.File, error) {
	return os.Open(os.DevNull)
}

func (inOrder) Check(context.Context, storage.Volume, bool) (storage.VolumeCheck, error) {
	return storage.VolumeCheck{Layers: 1}, nil
}
