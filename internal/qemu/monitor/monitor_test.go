package monitor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func TestMain(m *testing.M) {
	fakeqemu.RunIfAsked()
	goleak.VerifyTestMain(m)
}

const uuid = "6e5a4d2c-0b1f-4f0e-9d57-3c8a1f2b7e90"

// serve starts a fake in this process and returns it with the path of its monitor.
func serve(t *testing.T, o fakeqemu.Options) (*fakeqemu.QEMU, string) {
	t.Helper()
	o.UUID = uuid
	q, err := fakeqemu.New(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "qmp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	q.Listen(l)
	t.Cleanup(func() { _ = q.Close() })
	return q, path
}

func dial(t *testing.T, path string, o Options) *Monitor {
	t.Helper()
	o.VM = "web"
	m, err := Dial(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestAVMIsTalkedToAndItsEventsAreHeard(t *testing.T) {
	for _, version := range []string{"7.2", "10.0"} {
		_, path := serve(t, fakeqemu.Options{Version: version, Name: "web"})
		m := dial(t, path, Options{UUID: strings.ToUpper(uuid), Events: true})
		ctx := t.Context()
		if !m.Version().AtLeast(7, 2) {
			t.Errorf("version %+v", m.Version())
		}
		if s, err := qmp.QueryStatus(ctx, m); err != nil || s.State != qmp.StatePrelaunch {
			t.Errorf("%+v, %v", s, err)
		}
		if err := errors.Join(qmp.Cont(ctx, m), qmp.SystemPowerdown(ctx, m)); err != nil {
			t.Error(err)
		}
		for _, want := range []string{qmp.EventResume, qmp.EventPowerdown, qmp.EventShutdown, qmp.EventStop} {
			if e, err := m.Next(ctx); err != nil || e.Name != want {
				t.Fatalf("got %s, %v; want %s", e.Name, err, want)
			}
		}
		err := qmp.Cont(ctx, m)
		if !errors.Is(err, fault.Precondition) || !strings.Contains(err.Error(), `vm "web": QEMU refused cont: Resetting the Virtual Machine is required`) {
			t.Errorf("cont after a power-off: %v", err)
		}
		if err := qmp.Quit(ctx, m); err != nil {
			t.Error(err)
		}
		<-m.Done()
		if !errors.Is(m.Err(), io.EOF) {
			t.Errorf("the end is %v", m.Err())
		}
		e, err := m.Next(ctx)
		if d, _ := qmp.Data[qmp.ShutdownEvent](e); err != nil || d.Reason != qmp.CauseQuit {
			t.Errorf("the last word is lost: %+v, %v", e, err)
		}
	}
}

func TestASubscriptionBetweenOpenAndNegotiateMissesNothing(t *testing.T) {
	q, path := serve(t, fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "query-uuid", Do: fakeqemu.Flood, Value: "3"}}})
	m, err := Open(t.Context(), path, Options{VM: "web", UUID: uuid})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	events := m.Subscribe(qmp.EventReset)
	if err := m.Negotiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	q.Emit(qmp.EventStop, nil)
	for range 3 {
		if e, err := events.Next(t.Context()); err != nil || e.Name != qmp.EventReset {
			t.Errorf("got %+v, %v", e, err)
		}
	}
	if _, err := m.Next(t.Context()); !errors.Is(err, fault.Internal) {
		t.Errorf("Next without Options.Events: %v", err)
	}
}

func TestASecondDaemonIsToldThatAnotherHoldsTheMonitor(t *testing.T) {
	_, path := serve(t, fakeqemu.Options{})
	first := dial(t, path, Options{})
	_, err := Dial(t.Context(), path, Options{VM: "web", Greeting: 50 * time.Millisecond})
	if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), `vm "web": the monitor is held by another process`) || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	_ = first.Close()
	dial(t, path, Options{UUID: uuid}) // and the next daemon is served
}

func TestAnotherVMsMonitorIsNotAdopted(t *testing.T) {
	_, path := serve(t, fakeqemu.Options{})
	_, err := Dial(t.Context(), path, Options{VM: "web", UUID: "00000000-0000-0000-0000-000000000001"})
	if !errors.Is(err, fault.Conflict) || !strings.Contains(err.Error(), uuid) {
		t.Errorf("got %v", err)
	}
}

func TestWhyAMonitorCannotBeReached(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	for name, c := range map[string]struct {
		path string
		kind fault.Kind
		want string
	}{
		"no socket":       {filepath.Join(dir, "none"), fault.NotFound, "there is no monitor"},
		"nobody there":    {dead, fault.Unavailable, "its QEMU is gone"},
		"path too long":   {"/" + strings.Repeat("x", 200), fault.Unavailable, "cannot reach its monitor"},
		"silent":          {faulty(t, "greeting", fakeqemu.Silent), fault.Unavailable, "held by another process"},
		"garbage":         {faulty(t, "greeting", fakeqemu.Garbage), fault.Unavailable, "the monitor broke"},
		"half a word":     {faulty(t, "greeting", fakeqemu.Half), fault.Unavailable, "half a message"},
		"dies at once":    {faulty(t, "greeting", fakeqemu.Die), fault.Unavailable, "QEMU closed the monitor"},
		"dies a little":   {faulty(t, "qmp_capabilities", fakeqemu.Die), fault.Unavailable, "QEMU closed the monitor"},
		"mid-negotiation": {faulty(t, "qmp_capabilities", fakeqemu.Half), fault.Unavailable, "half a message"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Dial(t.Context(), c.path, Options{VM: "web", Greeting: 50 * time.Millisecond})
			if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `vm "web"`) {
				t.Errorf("got %v (%v), want %s (%v)", err, fault.KindOf(err), c.want, c.kind)
			}
		})
	}
}

func faulty(t *testing.T, at string, act fakeqemu.Act) string {
	_, path := serve(t, fakeqemu.Options{Faults: []fakeqemu.Fault{{At: at, Do: act}}})
	return path
}

func TestADialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := Dial(ctx, faulty(t, "greeting", fakeqemu.Silent), Options{VM: "web", Greeting: time.Hour})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFilesArriveInQEMU(t *testing.T) {
	_, path := serve(t, fakeqemu.Options{})
	m := dial(t, path, Options{})
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	var all sync.WaitGroup
	for i := range 20 { // together: each command has its own file
		all.Go(func() {
			if got, err := qmp.AddFD(t.Context(), m, null, i, "x"); err != nil || got.Set != i {
				t.Errorf("%d: %+v, %v", i, got, err)
			}
		})
	}
	all.Wait()
	if sets, err := qmp.QueryFDSets(t.Context(), m); err != nil || len(sets) != 20 {
		t.Errorf("%d sets, %v", len(sets), err)
	}
	if err := qmp.GetFD(t.Context(), m, null, "vnc"); err != nil {
		t.Error(err)
	}
	_ = null.Close()
	if err := qmp.GetFD(t.Context(), m, null, "vnc"); !errors.Is(err, fault.Internal) || !strings.Contains(err.Error(), os.DevNull) {
		t.Errorf("a closed file: %v", err)
	}
	if _, err := qmp.QueryStatus(t.Context(), m); err != nil {
		t.Error("the conversation suffered:", err)
	}
}

func TestAVMThatIsKilledIsNoticed(t *testing.T) {
	q, path := serve(t, fakeqemu.Options{})
	m := dial(t, path, Options{})
	_ = q.Close()
	<-m.Done()
	if !errors.Is(m.Err(), io.EOF) || !errors.Is(m.Err(), fault.Unavailable) {
		t.Errorf("got %v", m.Err())
	}
}
