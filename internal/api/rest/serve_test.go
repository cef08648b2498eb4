//go:build linux

package rest

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func TestTheKernelSaysWhoCalls(t *testing.T) {
	h := newHouse(t, member)
	path := filepath.Join(t.TempDir(), "own.sock")
	l, err := net.Listen("unix", path)
	h.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, h.server.handler()) }()
	c := client.Unix(path)
	res, err := c.CreateVM(t.Context(), "", small("web"), client.Change{})
	h.must(err)
	want, err := user.Current()
	h.must(err)
	if a := res.Operation.Actor; int(a.UID) != os.Getuid() || a.Name != want.Username || a.Via != "socket" {
		t.Errorf("actor %+v", a)
	}
	c.Close()
	cancel()
	h.must(<-ended)
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there")
	}
}

func TestAStreamEndsWithTheDaemonAndAChangeIsFinished(t *testing.T) {
	h := newHouse(t, member)
	lines, end := h.open("/v1/events")
	defer end()
	until(t, lines, "id: ")
	h.stop() // would fail the test if it could not end in order
	for lines.Scan() {
	}
	_, err := h.Host(t.Context())
	refusal(t, err, fault.Unavailable, "is hvd running?")
}

func TestHeadersAreBounded(t *testing.T) {
	h := newHouse(t, member)
	conn, err := net.Dial("unix", h.socket)
	h.must(err)
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = conn.Write([]byte("GET /v1/host HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"))
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestLoginNamesAreLookedUpOnceAWhile(t *testing.T) {
	asked, now := 0, time.Unix(0, 0)
	l := &logins{known: map[uint32]login{}, now: func() time.Time { return now }, lookup: func(uid string) (*user.User, error) {
		asked++
		if uid == "7" {
			return &user.User{Username: "ann"}, nil
		}
		return nil, user.UnknownUserIdError(8)
	}}
	for range 3 {
		if l.of(7) != "ann" || l.of(8) != "" {
			t.Error("names")
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	now = now.Add(2 * loginTTL)
	l.of(7)
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
	for uid := range uint32(maxLogins + 5) {
		l.of(uid)
	}
	if len(l.known) > maxLogins {
		t.Errorf("%d remembered", len(l.known))
	}
}

func TestTheHostItsFeaturesItsDeclarationAndItsAuditAreShown(t *testing.T) {
	h := newHouse(t, 0)
	ctx := t.Context()
	host, err := h.Host(ctx)
	h.must(err)
	if host.Facts.Name != "here" || len(host.Findings) == 0 {
		t.Errorf("%+v", host)
	}
	f, err := h.Features(ctx, client.FeatureOptions{})
	h.must(err)
	if len(f.Items) == 0 || f.Risk == "" {
		t.Errorf("%+v", f)
	}
	_, err = h.Features(ctx, client.FeatureOptions{Set: "x"})
	refusal(t, err, fault.Invalid, `no set "x"`)
	v, err := h.Version(ctx)
	h.must(err)
	if v.Version != "test" || v.API != "v1" {
		t.Errorf("%+v", v)
	}
	decl := []byte(`{"version":1,"value":{"hypervisor":{"vms":{"web":{"memory":"256MiB"}}}}}`)
	res, err := h.ApplyConfig(ctx, decl, client.Applying{Change: client.Change{DryRun: true}})
	h.must(err)
	if res.Preview == nil || len(res.Preview.Changes) == 0 {
		t.Errorf("%+v", res.Preview)
	}
	res, err = h.ApplyConfig(ctx, decl, client.Applying{})
	h.must(err)
	if got, err := h.VM(ctx, ref("web")); err != nil || got.Metadata.Origin != "declared" || res.Operation.Params["operations"] == "" {
		t.Errorf("%+v %v %+v", got, err, res.Operation)
	}
	c, err := h.Config(ctx)
	h.must(err)
	if c.Generation != 1 || c.By.UID != 0 {
		t.Errorf("%+v", c)
	}
	_, err = h.ApplyConfig(ctx, []byte(`{"version":1,"value":{"hypervisor":{"vmz":{}}},"files":["hv.nix"],"sources":[{"p":"hypervisor.vmz","f":0,"l":3,"c":5}]}`), client.Applying{})
	refusal(t, err, fault.Invalid, "no such key", "HV-DECL-002")
	if r, _ := errors.AsType[finding.Refusal](err); len(r.Findings) != 1 || r.Findings[0].Path != "hypervisor.vmz" || r.Findings[0].Position.String() != "hv.nix:3:5" {
		t.Errorf("%+v", r.Findings)
	}
	n := 0
	for r, err := range h.AuditRecords(ctx, client.ListOptions{Limit: 2}) {
		h.must(err)
		if n++; r.Seq == 0 && n > 1 {
			t.Errorf("%+v", r)
		}
	}
	if n < 4 {
		t.Errorf("%d records", n)
	}
	res, err = h.CancelOperation(ctx, res.Operation.ID, client.Change{})
	refusal(t, err, fault.Precondition, "has ended")
	_ = res
	h.runs()
	ops, err := h.OperationPage(ctx, client.ListOptions{Filter: "web"})
	h.must(err)
	if ops.Total != 1 {
		t.Errorf("%+v", ops)
	}
}
