package scope

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// bus is a systemd of our own: what it was asked, and what it answers.
type bus struct {
	asked  []string
	props  map[string]any
	exists bool
	result string
	lost   bool
}

func (b *bus) StartTransientUnitContext(_ context.Context, name, mode string, props []systemd.Property, done chan<- string) (int, error) {
	b.asked = append(b.asked, "start "+name+" "+mode)
	if b.exists {
		return 0, dbus.Error{Name: "org.freedesktop.systemd1.UnitExists"}
	}
	b.props = map[string]any{}
	for _, p := range props {
		b.props[p.Name] = p.Value.Value()
	}
	done <- b.result
	return 1, nil
}

func (b *bus) StopUnitContext(_ context.Context, name, _ string, done chan<- string) (int, error) {
	b.asked = append(b.asked, "stop "+name)
	if !b.exists {
		return 0, dbus.Error{Name: "org.freedesktop.systemd1.NoSuchUnit"}
	}
	b.exists = false
	done <- "done"
	return 2, nil
}

func (b *bus) ResetFailedUnitContext(_ context.Context, name string) error {
	b.asked = append(b.asked, "reset "+name)
	return nil
}

func (b *bus) Connected() bool { return !b.lost }
func (b *bus) Close()          { b.asked = append(b.asked, "close") }

func on(buses ...*bus) *Systemd {
	return On(func() (Units, error) {
		if len(buses) == 0 {
			return nil, errors.New("refused")
		}
		b := buses[0]
		buses = buses[1:]
		return b, nil
	})
}

const web = "hyper-nixos-vm-web-0b8ff1a6.scope"

func TestAScopeIsNamedAfterItsVM(t *testing.T) {
	if got := Name("web", "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001"); got != web || !Valid(got) {
		t.Error(got)
	}
	for _, bad := range []string{"", ".scope", prefix + suffix, "ssh.service", prefix + "../x" + suffix, prefix + strings.Repeat("a", 250) + suffix, prefix + "a" + suffix + "\n"} {
		if Valid(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAProcessIsRegisteredAsADelegatedScope(t *testing.T) {
	b := &bus{result: "done"}
	s := on(b)
	if err := s.Register(web, "VM web", 42); err != nil {
		t.Fatal(err)
	}
	if pids, ok := b.props["PIDs"].([]uint32); !ok || len(pids) != 1 || pids[0] != 42 {
		t.Errorf("%v", b.props)
	}
	for name, want := range map[string]any{"Slice": Slice, "Delegate": true, "CollectMode": "inactive-or-failed", "Description": "VM web"} {
		if b.props[name] != want {
			t.Errorf("%s is %v, want %v", name, b.props[name], want)
		}
	}
	if before, ok := b.props["Before"].([]string); !ok || before[0] != guests {
		t.Errorf("a shutdown would end it before hv-guests: %v", b.props["Before"])
	}
	s.Close()
	s.Close()
	if got := strings.Join(b.asked, ", "); got != "start "+web+" fail, close" {
		t.Error(got)
	}
}

func TestAScopeThatWasLeftMakesRoom(t *testing.T) {
	b := &bus{result: "done", exists: true}
	if err := on(b).Register(web, "VM web", 42); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(b.asked, ", "); got != "start "+web+" fail, stop "+web+", reset "+web+", start "+web+" fail" {
		t.Error(got)
	}
	if err := on(&bus{}).End(web); err != nil {
		t.Errorf("none to end: %v", err)
	}
}

func TestAJobThatFailsIsAnError(t *testing.T) {
	err := on(&bus{result: "failed"}).Register(web, "VM web", 42)
	if err == nil || !strings.Contains(err.Error(), "failed") || !strings.Contains(err.Error(), web) {
		t.Error(err)
	}
}

func TestALostConnectionIsMadeAgain(t *testing.T) {
	first, second := &bus{result: "done"}, &bus{result: "done"}
	s := on(first, second)
	if err := s.Answers(); err != nil {
		t.Fatal(err)
	}
	first.lost = true
	if err := s.Register(web, "VM web", 42); err != nil || len(second.asked) != 1 {
		t.Errorf("%v, %v", err, second.asked)
	}
	second.lost = true
	if err := s.Answers(); err == nil {
		t.Error("nobody answers")
	}
	if err := errors.Join(s.Register(web, "", 1), s.End(web)); err == nil {
		t.Error("nobody answers")
	}
	var none *Systemd
	if err := none.Answers(); err == nil {
		t.Error("no systemd")
	}
	none.Close()
}

func TestABusThatHangsIsNotWaitedFor(t *testing.T) {
	late, closed := make(chan struct{}), make(chan struct{})
	s := On(func() (Units, error) {
		<-late
		return &hung{bus: &bus{}, closed: closed}, nil
	})
	s.limit = time.Millisecond
	if err := s.Answers(); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
	close(late)
	<-closed // what comes after all is not kept
}

// hung tells when it was closed.
type hung struct {
	*bus
	closed chan struct{}
}

func (h *hung) Close() { close(h.closed) }
