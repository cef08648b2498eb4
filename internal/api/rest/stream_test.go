//go:build linux

package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// open begins a stream and returns its lines.
func (h *house) open(path string, header ...string) (*bufio.Scanner, func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hvd"+path, http.NoBody)
	h.must(err)
	req.Header.Set("Accept", eventStream)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", h.socket)
	}}
	resp, err := transport.RoundTrip(req) //nolint:bodyclose // the second result closes it
	h.must(err)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != eventStream {
		h.t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	return bufio.NewScanner(resp.Body), func() {
		cancel()
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
	}
}

// until reads lines until one begins with a prefix.
func until(t *testing.T, lines *bufio.Scanner, prefix string) string {
	t.Helper()
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
			return rest
		}
	}
	t.Fatalf("the stream ended (%v) before %q", lines.Err(), prefix)
	return ""
}

func TestAStreamTellsWhatHappensAndGoesOnWhereItWas(t *testing.T) {
	h := newHouse(t, member)
	lines, end := h.open("/v1/events")
	start := until(t, lines, "id: ")
	h.create("web")
	first := until(t, lines, "id: ")
	kind := until(t, lines, "event: ")
	var ev wire.Event
	h.must(json.Unmarshal([]byte(until(t, lines, "data: ")), &ev))
	if ev.ID != first || ev.Type != kind || ev.SpecVersion != "1.0" || ev.Source != "here" || !strings.HasPrefix(first, fmt.Sprint(ev.Revision)+".") {
		t.Errorf("id %s, type %s, event %+v", first, kind, ev)
	}
	second := until(t, lines, "id: ")
	end()
	h.runs()

	for last, want := range map[string]string{start: first, first: second} {
		again, end := h.open("/v1/events", "Last-Event-ID: "+last)
		if until(t, again, "id: ") != last || until(t, again, "id: ") != want {
			t.Errorf("after %s did not come %s", last, want)
		}
		end()
	}
	again, end := h.open("/v1/events?types=vm.state&subject=vm/default/", "Last-Event-ID: "+first)
	if got := until(t, again, "event: "); got != "vm.state.changed" {
		t.Errorf("event %s", got)
	}
	end()
	again, end = h.open("/v1/events?from=" + fmt.Sprint(ev.Revision))
	until(t, again, "id: ")
	if got := until(t, again, "id: "); got != first {
		t.Errorf("from revision %d came %s", ev.Revision, got)
	}
	end()
}

func TestAListIsFollowedFromWhereItWasRead(t *testing.T) {
	h := newHouse(t, member)
	h.create("one")
	p, err := h.VMPage(t.Context(), "", client.ListOptions{})
	h.must(err)
	h.create("two")
	lines, end := h.open(fmt.Sprintf("/v1/projects/default/vms?from=%d", p.Revision+1))
	defer end()
	var ev wire.Event
	h.must(json.Unmarshal([]byte(until(t, lines, "data: ")), &ev))
	if ev.Type != "vm.created" || ev.Subject != "vm/default/two" {
		t.Errorf("%+v", ev)
	}
}

func TestAQuietStreamShowsThatItLivesAndHowFarItIs(t *testing.T) {
	h := build(t, member, func(s *server) { s.keepAlive = 5 * time.Millisecond })
	lines, end := h.open("/v1/events?subject=vm/default/nobody")
	defer end()
	h.create("web")
	want := h.view.Revision()
	for until(t, lines, "id: ") != fmt.Sprint(want) {
	}
	until(t, lines, ":")
}

func TestAnEventThatIsTooOldIsGone(t *testing.T) {
	h := newHouse(t, member)
	for range 4 {
		h.runs()
	}
	h.must(h.store.Compact(t.Context(), h.view.Revision()-1))
	got := h.ask("GET", "/v1/events?from=1", "", "Accept: text/event-stream")
	if p := got.problem(t); p.Status != 410 || p.Code != wire.CodeTooOld || !strings.Contains(p.Remedy, "list again") {
		t.Errorf("%s", got.body)
	}
	for _, err := range h.Events(t.Context(), client.EventOptions{LastID: "1.0"}) {
		refusal(t, err, fault.Precondition, wire.CodeTooOld)
	}
}

func TestThereAreOnlySoManyStreams(t *testing.T) {
	h := build(t, member, func(s *server) { s.places = make(chan struct{}, 1) })
	lines, end := h.open("/v1/events")
	until(t, lines, "id: ")
	got := h.ask("GET", "/v1/events", "")
	if p := got.problem(t); p.Status != 429 || p.Code != wire.CodeTooMany || got.header.Get("Retry-After") == "" {
		t.Errorf("%s", got.body)
	}
	end()
}

func TestWaitingForAnOperationSeesEveryStepAndItsEnd(t *testing.T) {
	h := newHouse(t, member)
	op := h.create("web")
	var states []string
	got, err := h.WaitOperation(t.Context(), op.ID[:8], func(now operation.Operation) {
		states = append(states, fmt.Sprintf("%s/%d", now.State, len(now.Steps)))
		switch len(states) {
		case 1: // the stream is opened after this: what happens now is found by asking once more
			h.became(op, operation.Status{State: operation.Running})
		case 2:
			go h.became(op, operation.Status{State: operation.Running, Steps: []operation.Step{{Name: "launch"}}})
		case 3:
			h.create("other")
			go h.became(op, operation.Status{State: operation.Failed, Steps: []operation.Step{{Name: "launch"}}, Error: &operation.Problem{What: "broke"}})
		}
	})
	h.must(err)
	if got.State != operation.Failed || got.Error.What != "broke" || strings.Join(states, " ") != "pending/0 running/0 running/1 failed/1" {
		t.Errorf("%+v after %v", got, states)
	}
	again, err := h.WaitOperation(t.Context(), op.ID, nil)
	if err != nil || again.State != operation.Failed {
		t.Errorf("%v %v", again, err)
	}
	_, err = h.WaitOperation(t.Context(), "feedfeedfeed", nil)
	refusal(t, err, fault.NotFound, "no operation")
}

func TestWaitingAndWatchingOutliveARestartOfTheDaemon(t *testing.T) {
	h := newHouse(t, member)
	op := h.create("web")
	restarted := make(chan struct{})
	begun := false
	got, err := h.WaitOperation(t.Context(), op.ID, func(now operation.Operation) {
		if now.State == operation.Pending {
			go h.became(op, operation.Status{State: operation.Running})
		}
		if now.State == operation.Running && !begun {
			begun = true
			go func() {
				defer close(restarted)
				h.stop()
				h.became(op, operation.Status{State: operation.Done}) // while nobody answers
				h.serve(member)
			}()
		}
	})
	h.must(err)
	<-restarted
	if got.State != operation.Done {
		t.Errorf("%+v", got)
	}
}

func TestTheWaitingEndsWithItsContextAndTheWorkGoesOn(t *testing.T) {
	h := newHouse(t, member)
	op := h.create("web")
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	last, err := h.WaitOperation(ctx, op.ID, func(operation.Operation) { time.AfterFunc(20*time.Millisecond, func() { cancel(why) }) })
	if !errors.Is(err, why) || last.ID != op.ID {
		t.Errorf("%v %v", last, err)
	}
}

func TestEventsComeOnceAndInOrderOverBreaks(t *testing.T) {
	h := newHouse(t, member)
	begin := h.view.Revision()
	var made, told []string
	for i := range 6 {
		made = append(made, fmt.Sprintf("vm/default/vm-%d", i))
	}
	h.create("vm-0")
	for ev, err := range h.Events(t.Context(), client.EventOptions{From: begin + 1, Types: []string{"vm.created"}}) {
		h.must(err)
		told = append(told, ev.Subject)
		if len(told) == len(made) {
			break
		}
		if len(told)%2 == 0 { // the daemon goes and comes back
			h.stop()
			h.serve(member)
		}
		h.create(fmt.Sprintf("vm-%d", len(told)))
	}
	if !slices.Equal(made, told) {
		t.Errorf("made %v\ntold %v", made, told)
	}
}

func TestAConsoleCarriesBytesBothWays(t *testing.T) {
	h := newHouse(t, member)
	h.create("web")
	_, err := h.Console(t.Context(), ref("web"), 0)
	refusal(t, err, fault.Precondition, "it is off", "hv vm start web")
	_, err = h.Console(t.Context(), ref("lost"), 0)
	refusal(t, err, fault.NotFound, "no vm")

	h.runs()
	c, err := h.Console(t.Context(), ref("web"), 7)
	h.must(err)
	buf := make([]byte, 7)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "login: " {
		t.Errorf("scrollback %q %v", buf, err)
	}
	_, err = c.Write([]byte("hello"))
	h.must(err)
	if _, err := io.ReadFull(c, buf[:5]); err != nil || string(buf[:5]) != "HELLO" {
		t.Errorf("echo %q %v", buf[:5], err)
	}
	h.must(c.Close())
	<-h.lines.closed // the line is let go of when the viewer is

	page, err := h.view.AuditRecords(t.Context(), 0, 1000)
	h.must(err)
	var told []string
	for _, item := range page.Items {
		var r wire.AuditRecord
		h.must(json.Unmarshal(item, &r))
		if r.Action == "vm.console" && r.Phase == "outcome" {
			told = append(told, r.Result)
		}
	}
	if strings.Join(told, " ") != "refused refused done" {
		t.Errorf("audited: %v", told)
	}
}

func TestConsolesEndWithTheirContextAndWithTheDaemon(t *testing.T) {
	h := newHouse(t, member)
	h.create("web")
	h.runs()
	ctx, cancel := context.WithCancel(t.Context())
	one, err := h.Console(ctx, ref("web"), 0)
	h.must(err)
	two, err := h.Console(t.Context(), ref("web"), 0)
	h.must(err)
	cancel()
	if _, err := one.Read(make([]byte, 1)); err == nil {
		t.Error("a console reads on after its context")
	}
	<-h.lines.closed
	h.stop()
	if n, err := two.Read(make([]byte, 1)); err == nil || n != 0 {
		t.Error("a console reads on after its daemon")
	}
	<-h.lines.closed
	_ = one.Close()
	_ = two.Close()
}

func TestLogsAreReadAndFollowed(t *testing.T) {
	h := newHouse(t, member)
	h.create("web")
	read := func(opt client.LogOptions) string {
		t.Helper()
		r, err := h.Logs(t.Context(), ref("web"), "serial", opt)
		h.must(err)
		defer func() { _ = r.Close() }()
		data, err := io.ReadAll(r)
		h.must(err)
		return string(data)
	}
	if got := read(client.LogOptions{}); got != "booted\nlogin: " {
		t.Errorf("%q", got)
	}
	seven, none := 7, 0
	if got := read(client.LogOptions{Tail: &seven}); got != "login: " {
		t.Errorf("%q", got)
	}
	if got := read(client.LogOptions{Tail: &none}); got != "" {
		t.Errorf("%q", got)
	}
	_, err := h.Logs(t.Context(), ref("web"), "qemu", client.LogOptions{})
	refusal(t, err, fault.NotFound, "no qemu log yet")
	before, err := h.Logs(t.Context(), ref("web"), "serial-previous", client.LogOptions{})
	h.must(err)
	_ = before.Close()

	r, err := h.Logs(t.Context(), ref("web"), "serial", client.LogOptions{Follow: true})
	h.must(err)
	buf := make([]byte, len("booted\nlogin: "))
	if _, err := io.ReadFull(r, buf); err != nil {
		t.Error(err)
	}
	_ = r.Close()
	<-h.lines.closed
}
