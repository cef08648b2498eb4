//go:build linux

package rest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestEveryKindHasItsStatus(t *testing.T) {
	s := newServer(Config{Log: slog.New(slog.DiscardHandler)})
	for kind, want := range map[fault.Kind]int{
		fault.Unreadable: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.NotFound: 404, fault.Conflict: 409,
		fault.Precondition: 412, fault.Invalid: 422, fault.Exhausted: 507, fault.Unavailable: 503, fault.Internal: 500,
	} {
		p := s.problemOf("r1", fault.New(kind, "thing").Because(errors.New("cause")).Try("next").WithCode("HV-X-001"))
		if p.Status != want || wire.KindOf(want) != kind {
			t.Errorf("%v: status %d, back %v", kind, p.Status, wire.KindOf(want))
		}
		if kind == fault.Internal {
			if strings.Contains(p.Detail, "cause") || p.Code != wire.CodeInternal || !strings.Contains(p.Remedy, "r1") {
				t.Errorf("an internal error tells %+v", p)
			}
			continue
		}
		if p.Detail != "thing: cause" || p.Code != "HV-X-001" || p.Remedy != "next" || p.Title != kind.Error() {
			t.Errorf("%v: %+v", kind, p)
		}
	}
}

func TestFindingsAreTakenFromWhereverTheyStand(t *testing.T) {
	one := finding.Finding{Code: "HV-A-001", Severity: finding.Refused, What: "one", Remedy: "do"}
	two := finding.Finding{Code: "HV-A-002", Severity: finding.Refused, What: "two"}
	refusedBy := func(l ...finding.Finding) error {
		return fault.New(fault.Denied, "no").Because(finding.Refusal{Findings: l})
	}
	for name, c := range map[string]struct {
		err    error
		detail string
		n      int
	}{
		"a refusal":             {refusedBy(one, two), "no: one (and 1 more)", 2},
		"joined refusals":       {fault.New(fault.Invalid, "all").Because(errors.Join(refusedBy(one), refusedBy(two))), "all: one (and 1 more)", 2},
		"joined plain":          {fault.New(fault.Invalid, "all").Because(errors.Join(errors.New("a"), fault.New(fault.Invalid, "b").Try("c"))), "all: a (and 1 more)", 2},
		"wrapped once more":     {fault.Wrap(refusedBy(one), "cannot"), "cannot: no: one", 1},
		"no findings at all":    {fault.New(fault.Denied, "no").Because(errors.New("way")), "no: way", 0},
		"with a status as well": {statused(410, refusedBy(one)), "no: one", 1},
	} {
		detail, l := found(c.err)
		if detail != c.detail || len(l) != c.n {
			t.Errorf("%s: %q with %d", name, detail, len(l))
		}
	}
	p := newServer(Config{}).problemOf("r", refusedBy(one))
	if p.Code != "HV-A-001" || p.Remedy != "do" {
		t.Errorf("a single finding lends its code and remedy: %+v", p)
	}
}

func TestWhatDoesNotFitIsToldAllAtOnce(t *testing.T) {
	h := newHouse(t, member)
	vms := "/v1/projects/default/vms"
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		code               string
		findings           int
		words              string
	}{
		"two unknown keys and a wrong type": {"POST", vms, `{"name":"a","cpu":2,"mem":1,"cpus":"x"}`, nil, 422, wire.CodeInvalid, 3, "body.cpu"},
		"an unknown key deep inside":        {"POST", vms, `{"name":"a","disks":{"root":{"volume":"v","path":"/etc"}}}`, nil, 422, wire.CodeInvalid, 1, "body.disks.root.path"},
		"a size that is none":               {"POST", vms, `{"name":"a","memory":"much"}`, nil, 422, wire.CodeInvalid, 1, "is not a size"},
		"no JSON":                           {"POST", vms, `{"name":`, nil, 400, wire.CodeUnreadable, 1, "cannot be read"},
		"no body":                           {"POST", vms, ``, nil, 400, wire.CodeUnreadable, 0, "body is required"},
		"another type":                      {"POST", vms, `name=a`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, wire.CodeNotAccepted, 1, "unknown content type"},
		"unknown parameters":                {"GET", vms + "?limt=3&x=1", ``, nil, 422, wire.CodeInvalid, 2, "unknown query parameter"},
		"limits out of range":               {"GET", vms + "?limit=1001&from=-1", ``, nil, 422, wire.CodeInvalid, 2, "1000"},
		"a project that is no name":         {"GET", "/v1/projects/a%2Fb/vms", ``, nil, 422, wire.CodeInvalid, 1, "path.project"},
		"an ID that is too long":            {"GET", "/v1/operations/" + strings.Repeat("a", 65), ``, nil, 422, wire.CodeInvalid, 1, "id"},
		"a patch that is none":              {"PATCH", vms + "/a", `[`, nil, 404, "", 0, "there is no vm"},
		"a log that is none":                {"GET", vms + "/a/logs/kernel", ``, nil, 422, wire.CodeInvalid, 1, "serial"},
		"too large":                         {"POST", vms, `{"name":"` + strings.Repeat("a", maxBody) + `"}`, nil, 413, wire.CodeTooLarge, 0, "too large"},
		"no such path":                      {"GET", "/v1/pods", ``, nil, 404, wire.CodeNoRoute, 0, "/v1/pods"},
		"no path at all":                    {"GET", "/", ``, nil, 404, wire.CodeNoRoute, 0, "no path"},
		"a path that is not clean":          {"GET", "/v1//host", ``, nil, 404, wire.CodeNoRoute, 0, "no path"},
		"a method that is not there":        {"DELETE", "/v1/host", ``, nil, 405, wire.CodeNoRoute, 0, "DELETE"},
		"events as JSON":                    {"GET", "/v1/events", ``, []string{"Accept: application/json"}, 406, wire.CodeNotAccepted, 0, "text/event-stream"},
		"an event that never was":           {"GET", "/v1/events", ``, []string{"Last-Event-ID: yesterday"}, 422, wire.CodeInvalid, 0, "yesterday"},
		"a stream with a selector":          {"GET", vms + "?selector=a", ``, []string{"Accept: text/event-stream"}, 422, wire.CodeInvalid, 0, "selector"},
		"a console without an upgrade":      {"GET", vms + "/a/console", ``, nil, 426, wire.CodeNoUpgrade, 0, "hv vm console a"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.ask(c.method, c.path, c.body, c.header...)
			if got.status != c.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			var p wire.Problem
			if c.code != "" {
				p = got.problem(t)
			}
			if p.Code != c.code && c.code != "" || len(p.Findings) != c.findings || !strings.Contains(got.body, c.words) {
				t.Errorf("%s", got.body)
			}
		})
	}
	if got := h.ask("DELETE", "/v1/host", ""); got.header.Get("Allow") != "GET" {
		t.Errorf("Allow: %q", got.header.Get("Allow"))
	}
	if got := h.ask("GET", vms+"/a/console", ""); got.header.Get("Upgrade") != wire.ConsoleProtocol {
		t.Errorf("Upgrade: %q", got.header.Get("Upgrade"))
	}
}

func TestWhoIsNotRootIsTold(t *testing.T) {
	h := newHouse(t, member)
	_, err := h.ApplyConfig(t.Context(), []byte(`{"version":1,"value":{}}`), client.Applying{})
	refusal(t, err, fault.Denied, "only root may", "HV-AUTH-001")
	for _, err := range h.AuditRecords(t.Context(), client.ListOptions{}) {
		refusal(t, err, fault.Denied, "only root may")
	}
}

func TestWhoIsUnknownIsNotLetIn(t *testing.T) {
	h := newHouse(t, 0)
	srv := httptest.NewServer(h.server.handler()) // TCP: the kernel knows no peer
	defer srv.Close()
	c := client.New(client.Options{Address: srv.URL, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", srv.Listener.Addr().String())
	}})
	defer c.Close()
	_, err := c.Host(t.Context())
	refusal(t, err, fault.Unauthenticated, "nobody knows who is calling", wire.CodeNoIdentity)
}

// broken breaks in every way.
type broken struct {
	*action.Actions
	how func() error
}

func (b broken) Authorize(ctx context.Context, call action.Call, row action.Row) error {
	if err := b.how(); err != nil {
		return err
	}
	return b.Actions.Authorize(ctx, call, row)
}

func TestOurOwnMistakesAreToldInTheLogOnly(t *testing.T) {
	var how func() error
	h := build(t, member, func(s *server) {
		whole, _ := s.Actions.(*action.Actions)
		s.Actions = broken{whole, func() error { return how() }}
	})
	for name, f := range map[string]func() error{
		"panic":          func() error { panic("secret 1") },
		"an odd error":   func() error { return errors.New("secret 2") },
		"internal fault": func() error { return fault.New(fault.Internal, "secret 3") },
	} {
		how = f
		got := h.ask("GET", "/v1/host", "", "X-Request-Id: "+strings.ReplaceAll(name, " ", "-"))
		p := got.problem(t)
		if p.Status != 500 || p.Code != wire.CodeInternal || strings.Contains(got.body, "secret") || !strings.Contains(p.Remedy, p.RequestID) {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	how = func() error { return fault.New(fault.Unavailable, "the store is closed") }
	if got := h.ask("GET", "/v1/host", ""); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	h.stop()
	for _, want := range []string{"secret 1", "secret 2", "secret 3", "request=an-odd-error", "status=500", "uid=1000", "path=/v1/host"} {
		if !strings.Contains(h.words.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, h.words)
		}
	}
}

func TestARefusedSocketIsToldWithItsRemedy(t *testing.T) {
	dir := t.TempDir()
	_, err := client.Unix(filepath.Join(dir, "none.sock")).Host(t.Context())
	refusal(t, err, fault.Unavailable, "there is no socket", "is hvd running?", wire.CodeNoDaemon)

	path := filepath.Join(dir, "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	_, err = client.Unix(path).Host(t.Context())
	refusal(t, err, fault.Unavailable, "nobody listens", "systemctl start hvd", wire.CodeNoDaemon)

	_, err = client.New(client.Options{Address: "x.sock", Dial: func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: permission{}}
	}}).Host(t.Context())
	refusal(t, err, fault.Denied, "x.sock", "sudo usermod -aG hypervisor $USER", wire.CodeNoEntry)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = client.Unix(path).Host(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call says %v", err)
	}
}

type permission struct{}

func (permission) Error() string        { return "permission denied" }
func (permission) Is(target error) bool { return target == fs.ErrPermission }

func TestImportsAreStreamedAndBounded(t *testing.T) {
	h := newHouse(t, member)
	ctx := t.Context()
	size := model.Bytes(3 << 20)
	var told []model.Bytes
	res, err := h.ImportVolume(ctx, "", wire.CreateVolume{Name: "data", Labels: map[string]string{"a": "b", "c": "d"}}, size,
		io.LimitReader(zeros{}, int64(size)), func(sent, _ model.Bytes) { told = append(told, sent) }, client.Change{})
	h.must(err)
	v, err := h.Volume(ctx, ref("data"))
	h.must(err)
	if !res.Operation.State.Ended() || v.Spec.Size != size || v.Metadata.Labels["c"] != "d" || !v.Ready || told[len(told)-1] != size {
		t.Errorf("%+v %+v %v", res.Operation, v, told)
	}
	res, err = h.ImportBootFile(ctx, ref("linux"), "kernel", 5, strings.NewReader("bytes and more"), nil, client.Change{})
	h.must(err)
	f, err := h.BootFile(ctx, ref("linux"))
	h.must(err)
	if f.Size != 5 || res.Operation.Action != "boot-file.import" {
		t.Errorf("%+v", f)
	}
	_, err = h.DeleteBootFile(ctx, ref("linux"), client.Change{IfMatch: f.Metadata.Revision + 7})
	refusal(t, err, fault.Precondition, wire.CodeChanged)
	_, err = h.DeleteBootFile(ctx, ref("linux"), client.Change{})
	h.must(err)

	_, err = h.ImportBootFile(ctx, ref("x"), "floppy", 5, strings.NewReader("bytes"), nil, client.Change{})
	refusal(t, err, fault.Invalid, "none of kernel, initrd")
	_, err = h.ImportBootFile(ctx, ref("x"), "kernel", 513*model.MiB, zeros{}, // refused before a byte is sent
		func(sent, _ model.Bytes) { t.Errorf("%s were sent", sent) }, client.Change{})
	refusal(t, err, fault.Invalid, "512MiB")
	dry, err := h.ImportVolume(ctx, "", wire.CreateVolume{Name: "more"}, size, zeros{},
		func(sent, _ model.Bytes) { t.Errorf("a dry run sent %s", sent) }, client.Change{DryRun: true})
	if h.must(err); len(dry.Preview.Plan) == 0 {
		t.Errorf("%+v", dry)
	}
	_, err = h.ImportVolume(ctx, "", wire.CreateVolume{Name: "q", VolumeSpec: v.Spec}, 0, strings.NewReader(""), nil, client.Change{})
	if err == nil {
		t.Error("an empty volume was imported")
	}

	got := h.askWith("PUT", "/v1/projects/default/boot-files/x/content?kind=kernel", chunked{strings.NewReader("abc")}, -1)
	if p := got.problem(t); p.Status != 411 || p.Code != wire.CodeNoLength || !strings.Contains(p.Remedy, "Content-Length") {
		t.Errorf("%s", got.body)
	}
	got = h.askWith("PUT", "/v1/projects/default/volumes/x/content", http.NoBody, 0, "Content-Length: 0")
	got.problem(t)
}

// chunked hides what a reader is, so that its length is not known.
type chunked struct{ io.Reader }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestABrokenImportLeavesNothing(t *testing.T) {
	h := newHouse(t, member)
	_, err := h.ImportVolume(t.Context(), "", wire.CreateVolume{Name: "data"}, 1<<20, io.MultiReader(strings.NewReader("half"), failing{}), nil, client.Change{})
	if err == nil {
		t.Fatal("half an image was taken")
	}
	p, err := h.VolumePage(t.Context(), "", client.ListOptions{})
	h.must(err)
	if p.Total != 0 {
		t.Errorf("%d volumes", p.Total)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk broke") }
