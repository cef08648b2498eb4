//go:build linux

package fakehost

import (
	"context"
	"os"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Points are the places between which a daemon does something that lasts: before and after each step
// of its hands, and each commit of its engine. At is the one (from 1) at which it is cut off: from
// there on nothing that it does has any effect, as after kill -9. 0 for never.
type Points struct {
	At int

	mu    sync.Mutex
	names []string
	cut   bool
	ended chan struct{}
}

// Names are the points that were passed.
func (p *Points) Names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names
}

// Cut reports whether the daemon was cut off.
func (p *Points) Cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

// Ended is closed when the daemon was cut off.
func (p *Points) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = make(chan struct{})
		if p.cut {
			close(p.ended)
		}
	}
	return p.ended
}

func (p *Points) pass(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return errCut
	}
	p.names = append(p.names, name)
	if len(p.names) != p.At {
		return nil
	}
	p.cut = true
	if p.ended != nil {
		close(p.ended)
	}
	return errCut
}

// around does f between two points.
func (p *Points) around(name string, f func() error) error {
	if err := p.pass("before " + name); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return p.pass("after " + name)
}

// cutStore is the engine's store.
type cutStore struct {
	*local.Store
	points *Points
}

func (s *cutStore) Commit(ctx context.Context, txn store.Txn) (res store.Result, err error) {
	err = s.points.around("commit", func() error {
		res, err = s.Store.Commit(ctx, txn)
		return err
	})
	return res, err
}

// cutHypervisor is the engine's hand on processes.
type cutHypervisor struct {
	*qemu.Host
	points *Points
}

func (h *cutHypervisor) Launch(ctx context.Context, l privilege.Launch, files []*os.File) (p vm.Process, err error) {
	err = h.points.around("launch", func() error { p, err = h.Host.Launch(ctx, l, files); return err })
	return p, err
}

func (h *cutHypervisor) Attach(ctx context.Context, uuid string) (v string, err error) {
	err = h.points.around("attach", func() error { v, err = h.Host.Attach(ctx, uuid); return err })
	return v, err
}

func (h *cutHypervisor) Continue(ctx context.Context, uuid string) error {
	return h.points.around("continue", func() error { return h.Host.Continue(ctx, uuid) })
}

func (h *cutHypervisor) Pause(ctx context.Context, uuid string) error {
	return h.points.around("pause", func() error { return h.Host.Pause(ctx, uuid) })
}

func (h *cutHypervisor) PowerDown(ctx context.Context, uuid string) error {
	return h.points.around("power down", func() error { return h.Host.PowerDown(ctx, uuid) })
}

func (h *cutHypervisor) Reset(ctx context.Context, uuid string) error {
	return h.points.around("reset", func() error { return h.Host.Reset(ctx, uuid) })
}

func (h *cutHypervisor) Quit(ctx context.Context, uuid string) error {
	return h.points.around("quit", func() error { return h.Host.Quit(ctx, uuid) })
}

func (h *cutHypervisor) Kill(ctx context.Context, uuid string) error {
	return h.points.around("kill", func() error { return h.Host.Kill(ctx, uuid) })
}

func (h *cutHypervisor) Cleanup(ctx context.Context, uuid string) error {
	return h.points.around("cleanup", func() error { return h.Host.Cleanup(ctx, uuid) })
}

func (h *cutHypervisor) Forget(ctx context.Context, uuid string) error {
	return h.points.around("forget", func() error { return h.Host.Forget(ctx, uuid) })
}
