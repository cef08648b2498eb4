package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// against returns a client of a server that answers with h.
func against(t *testing.T, patience time.Duration, h http.HandlerFunc) (*client.Client, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	c := client.New(client.Options{Address: "test", Patience: patience, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", srv.Listener.Addr().String())
	}})
	t.Cleanup(func() { c.Close(); srv.Close() })
	return c, srv
}

func refuse(w http.ResponseWriter, status int, problem string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, problem)
}

func TestAProblemBecomesTheFaultThatItWas(t *testing.T) {
	c, _ := against(t, 0, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 409, `{"title":"conflict","status":409,"detail":"cannot start vm \"web\": volume is held (and 1 more)","code":"HV-VOL-003",
			"remedy":"wait","requestId":"r7","findings":[{"code":"A","severity":"refused","subject":[],"what":"volume is held"},
			{"code":"B","severity":"refused","subject":[],"what":"other"}]}`)
	})
	_, err := c.Host(t.Context())
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Conflict || f.What != `cannot start vm "web"` || f.Hint != "wait" || f.Code != "HV-VOL-003" {
		t.Errorf("%+v", f)
	}
	if err.Error() != `cannot start vm "web": volume is held (and 1 more)` {
		t.Error(err)
	}
	if r, ok := errors.AsType[finding.Refusal](err); !ok || len(r.Findings) != 2 {
		t.Errorf("%+v", r)
	}
	if p, ok := errors.AsType[*client.Failure](err); !ok || p.Problem.RequestID != "r7" {
		t.Errorf("%+v", p)
	}
}

func TestWhoeverSpeaksAnotherLanguageIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
	}{
		"a web page":          {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, fault.Unreadable},
		"an error of another": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) }, fault.Unavailable},
		"a redirection": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/x")
			w.WriteHeader(http.StatusFound)
		}, fault.Unreadable},
		"half a problem":       {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 404, `{"title":`) }, fault.NotFound},
		"words of another age": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"vms":"many"}`) }, fault.Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			cl, _ := against(t, 0, c.answer)
			_, err := cl.Host(t.Context())
			if fault.KindOf(err) != c.kind || fault.CodeOf(err) != wire.CodeStrangers || !strings.Contains(fault.HintOf(err), "hv version") {
				t.Errorf("%v (%v) %s %s", err, fault.KindOf(err), fault.CodeOf(err), fault.HintOf(err))
			}
		})
	}
}

func TestAConnectionThatBreaksIsTold(t *testing.T) {
	c, _ := against(t, 0, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.CreateVolume(t.Context(), "", wire.CreateVolume{Name: "x"}, client.Change{})
	if fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != wire.CodeCutOff {
		t.Errorf("%v %s", err, fault.CodeOf(err))
	}
}

func TestEventsComeBackAfterABreakWithTheLastID(t *testing.T) {
	var asked []string
	var mu sync.Mutex
	c, _ := against(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Header.Get("Last-Event-ID")+"|"+r.URL.Query().Get("from")+"|"+r.URL.Query().Get("types"))
		n := len(asked)
		mu.Unlock()
		switch n {
		case 1:
			_, _ = io.WriteString(w, "id: 6\n\n: alive\n\nid: 7.0\nevent: a\ndata: {\"id\":\"7.0\"}\n\n")
		case 2: // breaks before anything happened, and had moved on
			_, _ = io.WriteString(w, ":\nid: 9\n\n")
		case 3:
			refuse(w, 503, `{"status":503,"detail":"stopping","title":"unavailable"}`)
		default:
			_, _ = io.WriteString(w, "data: {\"id\":\"10.0\",\ndata: \"type\":\"b\"}\n\n")
		}
	})
	var got []string
	for ev, err := range c.Events(t.Context(), client.EventOptions{From: 5, Types: []string{"vm.", "x"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, ev.ID+ev.Type); len(got) == 2 {
			break
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(got) != "[7.0 10.0b]" || fmt.Sprint(asked) != "[|5|vm.,x 7.0||vm.,x 9||vm.,x 9||vm.,x]" {
		t.Errorf("got %v, asked %v", got, asked)
	}
}

func TestEventsEndWhenTheDaemonStaysAway(t *testing.T) {
	var gone atomic.Bool
	c, srv := against(t, time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
		gone.Store(true)
		_, _ = io.WriteString(w, "id: 6\n\n")
	})
	for _, err := range c.Events(t.Context(), client.EventOptions{}) {
		if !gone.Load() || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%v", err)
		}
	}
	srv.Close()
	n := 0
	for _, err := range c.Events(t.Context(), client.EventOptions{}) { // who never got in is told at once
		if n++; fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != wire.CodeNoDaemon {
			t.Errorf("%v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
}

func TestAStreamSaysWhyItEnds(t *testing.T) {
	c, _ := against(t, 0, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "event: problem\ndata: {\"status\":410,\"detail\":\"too old\",\"code\":\"HV-API-004\"}\n\n")
	})
	for _, err := range c.Events(t.Context(), client.EventOptions{}) {
		if fault.KindOf(err) != fault.Precondition || fault.CodeOf(err) != wire.CodeTooOld {
			t.Errorf("%v", err)
		}
	}
}

func TestAListThatTurnsInCirclesEnds(t *testing.T) {
	c, _ := against(t, 0, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"name":"a"}],"next":"n"}`)
	})
	n := 0
	for v, err := range c.Volumes(t.Context(), "", client.ListOptions{}) {
		if n++; err != nil || v.Kind != "" || n > 2 {
			t.Fatal(n, err)
		}
	}
}

func TestNamesCannotReachOtherPaths(t *testing.T) {
	var path, raw string
	c, _ := against(t, 0, func(w http.ResponseWriter, r *http.Request) {
		path, raw = r.URL.Path, r.RequestURI
		_, _ = io.WriteString(w, "{}")
	})
	if _, err := c.VM(t.Context(), model.Ref{Name: "../../x?y=1#z"}); err != nil {
		t.Fatal(err)
	}
	if path != "/v1/projects/default/vms/../../x?y=1#z" || raw != "/v1/projects/default/vms/..%2F..%2Fx%3Fy=1%23z" {
		t.Errorf("%s %s", path, raw)
	}
	if _, err := c.PowerVM(t.Context(), model.Ref{Name: "x"}, "explode", wire.VerbOptions{}, client.Change{}); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}
