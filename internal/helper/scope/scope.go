// Package scope registers a VM's process with systemd, as a transient scope (systemd.scope(5)): a unit of its
// own, which no restart of ours reaches, which systemctl shows, and which a shutdown of the host ends in order.
//
// What lives here: the few calls of systemd's bus that this takes (org.freedesktop.systemd1(5)), and what such a
// unit is called. What does not: limits, which stand in cgroups below the scope's (package cgroup).
package scope

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	// Slice holds all VMs' scopes.
	Slice = "hyper-nixos.slice"
	// guests is the service whose stop stops VMs in order; a shutdown must do that before it ends their scopes.
	guests = "hv-guests.service"

	prefix = "hyper-nixos-vm-"
	suffix = ".scope"

	// patience is for systemd's answer, which takes milliseconds, but may be long on a host that swaps.
	patience = 20 * time.Second
	// answering is what the bus gets to let us in, before a VM is started without a unit.
	answering = 2 * time.Second
	// stopping is what a VM gets from systemd between SIGTERM and SIGKILL, where nobody stopped it before.
	stopping = 30 * time.Second
)

// Name is the unit of a VM: its name for people, the beginning of its UUID so that no two are the same.
func Name(vm, uuid string) string { return prefix + vm + "-" + uuid[:min(8, len(uuid))] + suffix }

// Valid reports whether a name is one that Name makes.
func Valid(name string) bool {
	middle, ok := strings.CutPrefix(name, prefix)
	middle, ok2 := strings.CutSuffix(middle, suffix)
	return ok && ok2 && middle != "" && len(name) < 256 && strings.Trim(middle, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Units is what we ask of systemd.
type Units interface {
	StartTransientUnitContext(ctx context.Context, name, mode string, properties []systemd.Property, done chan<- string) (int, error)
	StopUnitContext(ctx context.Context, name, mode string, done chan<- string) (int, error)
	ResetFailedUnitContext(ctx context.Context, name string) error
	Connected() bool
	Close()
}

// Systemd is the host's service manager. Its connection is made when it is needed, and again when it was lost.
type Systemd struct {
	dial  func() (Units, error)
	limit time.Duration // for dial

	mu   sync.Mutex
	conn Units
}

// Find returns the host's systemd; nil where another init runs it (sd_booted(3)).
func Find() *Systemd {
	if info, err := os.Lstat("/run/systemd/system"); err != nil || !info.IsDir() {
		return nil
	}
	return On(func() (Units, error) {
		// The connection lives longer than any request: no context of one's.
		return systemd.NewSystemConnectionContext(context.Background())
	})
}

// On is a service manager that is reached like this.
func On(dial func() (Units, error)) *Systemd { return &Systemd{dial: dial, limit: answering} }

// Answers says why systemd cannot be asked, nothing where it can. A nil one cannot.
func (s *Systemd) Answers() error {
	if s == nil {
		return errors.New("systemd does not run this host")
	}
	_, err := s.connection()
	return err
}

func (s *Systemd) connection() (Units, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.Connected() {
		return s.conn, nil
	}
	s.drop()
	conn, err := s.reach()
	if err != nil {
		return nil, fmt.Errorf("the system bus does not answer: %w", err)
	}
	s.conn = conn
	return conn, nil
}

// reach dials. The library's own limit would be one of the connection too, so a bus that hangs is left to itself.
func (s *Systemd) reach() (Units, error) {
	type reached struct {
		conn Units
		err  error
	}
	dialled := make(chan reached)
	ctx, cancel := context.WithTimeout(context.Background(), s.limit)
	defer cancel()
	go func() {
		conn, err := s.dial()
		select {
		case dialled <- reached{conn, err}:
		case <-ctx.Done():
			if err == nil {
				conn.Close() // nobody waits for it any more
			}
		}
	}()
	select {
	case r := <-dialled:
		return r.conn, r.err
	case <-ctx.Done():
		return nil, errors.New("it takes too long")
	}
}

func (s *Systemd) drop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// Close ends the connection. Scopes stay. A nil one has none.
func (s *Systemd) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

// Register makes a scope of that name around a process, which is in it when this returns. A unit that an earlier
// run of the VM has left is stopped first.
func (s *Systemd) Register(name, description string, pid int) error {
	err := s.start(name, description, pid)
	if isError(err, "org.freedesktop.systemd1.UnitExists") {
		if err = s.End(name); err == nil {
			err = s.start(name, description, pid)
		}
	}
	if err != nil {
		return fmt.Errorf("register %s with systemd: %w", name, err)
	}
	return nil
}

func (s *Systemd) start(name, description string, pid int) error {
	conn, err := s.connection()
	if err != nil {
		return err
	}
	return finished(func(ctx context.Context, done chan<- string) (int, error) {
		return conn.StartTransientUnitContext(ctx, name, "fail", properties(description, pid), done)
	})
}

// properties are a scope's. Delegated: the cgroups below it are ours, and systemd lets them be. Collected also when
// it failed, so that its name is free for the VM's next run.
func properties(description string, pid int) []systemd.Property {
	property := func(name string, value any) systemd.Property {
		return systemd.Property{Name: name, Value: dbus.MakeVariant(value)}
	}
	return []systemd.Property{
		property("Description", description),
		property("PIDs", []uint32{uint32(pid)}),
		property("Slice", Slice),
		property("Delegate", true),
		property("CollectMode", "inactive-or-failed"),
		property("Before", []string{guests}),
		property("TimeoutStopUSec", uint64(stopping/time.Microsecond)),
	}
}

// End stops a scope, and with it whatever still runs in it. None is no error.
func (s *Systemd) End(name string) error {
	conn, err := s.connection()
	if err != nil {
		return err
	}
	err = finished(func(ctx context.Context, done chan<- string) (int, error) {
		return conn.StopUnitContext(ctx, name, "replace", done)
	})
	if isError(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = conn.ResetFailedUnitContext(ctx, name) // only one that failed is still there
	return nil
}

// finished does what systemd calls a job and waits for its end.
func finished(job func(ctx context.Context, done chan<- string) (int, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan string, 1) // systemd's answer waits for nobody
	if _, err := job(ctx, done); err != nil {
		return err
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("systemd's job ended as %q", result)
		}
		return nil
	case <-ctx.Done():
		return errors.New("systemd does not finish its job")
	}
}

// isError reports whether the bus has answered with the error of that name.
func isError(err error, name string) bool {
	e, ok := errors.AsType[dbus.Error](err)
	return ok && e.Name == name
}
