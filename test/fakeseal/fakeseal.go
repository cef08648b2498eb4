//go:build linux

// Package fakeseal is hv-helper's phase seal for tests that need neither root nor hv-helper: the real one, in a
// folder of the test's, with a clock that the test moves.
//
// What lives here: the way to it that hvd has by a socket. What does not: the seal itself (internal/helper/seal).
package fakeseal

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/seal"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/test/memory"
)

// Seal is one host's. It implements action.Seal.
type Seal struct {
	t    testing.TB
	path string
	dir  *os.File

	mu    sync.Mutex
	seal  *seal.Seal
	ahead time.Duration
	away  bool
	asked int
}

// New returns the seal of a host that was never hardened.
func New(t testing.TB) *Seal {
	t.Helper()
	return In(t, memory.Dir(t))
}

// In returns the seal in a folder.
func In(t testing.TB, path string) *Seal {
	t.Helper()
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	s := &Seal{t: t, path: path, dir: dir}
	s.Restart()
	return s
}

// Restart is the next hv-helper.
func (s *Seal) Restart() {
	kept := seal.Open(s.dir, seal.Clock{Now: s.now, Up: s.up, Boot: "boot-1"})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal = kept
}

// Path is the seal's file.
func (s *Seal) Path() string { return filepath.Join(s.path, "seal.json") }

// Advance has time pass.
func (s *Seal) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// Away has hv-helper answer nobody, or again.
func (s *Seal) Away(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Asked is how often anything was asked.
func (s *Seal) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *Seal) now() time.Time { return time.Now().UTC().Add(s.up()) }

func (s *Seal) up() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ahead
}

// ask is the seal, where hv-helper answers.
func (s *Seal) ask(ctx context.Context) (*seal.Seal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.away {
		return nil, fault.New(fault.Unavailable, "cannot reach hv-helper")
	}
	return s.seal, ctx.Err()
}

// Phase implements action.Seal.
func (s *Seal) Phase(ctx context.Context) (privilege.SealState, error) {
	kept, err := s.ask(ctx)
	if err != nil {
		return privilege.SealState{}, err
	}
	return kept.State(), nil
}

// Harden implements action.Seal.
func (s *Seal) Harden(ctx context.Context, h privilege.Harden, vms []string) (privilege.SealState, error) {
	kept, err := s.ask(ctx)
	if err != nil {
		return privilege.SealState{}, err
	}
	return kept.Harden(h, slices.Sorted(slices.Values(vms)))
}

// Unlock implements action.Seal.
func (s *Seal) Unlock(ctx context.Context, u privilege.Unlock) (privilege.SealState, error) {
	kept, err := s.ask(ctx)
	if err != nil {
		return privilege.SealState{}, err
	}
	return kept.Unlock(u)
}

// Relock implements action.Seal.
func (s *Seal) Relock(ctx context.Context, _ privilege.Relock) (privilege.SealState, error) {
	kept, err := s.ask(ctx)
	if err != nil {
		return privilege.SealState{}, err
	}
	return kept.Relock()
}

// Unseal implements action.Seal.
func (s *Seal) Unseal(ctx context.Context) (privilege.SealState, error) {
	kept, err := s.ask(ctx)
	if err != nil {
		return privilege.SealState{}, err
	}
	return kept.Unseal()
}

// Launches is what hv-helper says of the launch of a VM.
func (s *Seal) Launches(vm string) error {
	s.mu.Lock()
	kept := s.seal
	s.mu.Unlock()
	return kept.Launches(vm)
}
