// Package monitoring takes samples of what VMs use.
//
// What lives here: when a sample is taken and between which readings. What does not: reading (qemu, hv-helper), and
// which VM is whose (view).
//
// Nothing runs here by itself: a sample is taken while somebody asks for one, in the time of who asks. So there is no
// sampler to be started, counted and ended, and a host that nobody looks at is not read.
package monitoring

import (
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Sampler takes samples for all who look.
type Sampler struct {
	// Read returns what each VM that has a process has used so far, by UUID.
	Read func(ctx context.Context) (map[string]vm.Counters, error)
	// Now is a clock that goes on whatever somebody sets; time.Now is one.
	Now func() time.Time

	turn chan struct{} // holds one: whose turn it is to read

	// Guarded by turn.
	before map[string]vm.Counters
	readAt time.Time
	latest vm.Sample // made of that reading and the one before; no VMs where there was none
}

const (
	// fresh is how old a sample may be that another looker is given: pages of one list come from one sample.
	fresh = 500 * time.Millisecond
	// kept is how old a reading may be that rates are counted from. An older one would tell of the past.
	kept = 15 * time.Second
	// first is how long somebody waits for the second reading where nobody has looked lately.
	first = time.Second
)

// New returns a sampler.
func New(read func(context.Context) (map[string]vm.Counters, error), now func() time.Time) *Sampler {
	return &Sampler{Read: read, Now: now, turn: make(chan struct{}, 1)}
}

// Sample returns what VMs use now: since the reading before, or over a second where there is none of late.
func (s *Sampler) Sample(ctx context.Context) (vm.Sample, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return vm.Sample{}, context.Cause(ctx)
	}
	age := s.Now().Sub(s.readAt)
	if s.latest.VMs != nil && age < fresh {
		return s.latest, nil
	}
	if s.before == nil || age > kept {
		s.before, s.latest = nil, vm.Sample{}
		if err := s.read(ctx); err != nil {
			return vm.Sample{}, err
		}
		age = 0
	}
	if age < fresh { // too short to count from: a tick of the kernel's is 10 ms
		if err := wait(ctx, first-age); err != nil {
			return vm.Sample{}, err
		}
	}
	if err := s.read(ctx); err != nil {
		return vm.Sample{}, err
	}
	return s.latest, nil
}

// read reads, and makes a sample where there is a reading before.
func (s *Sampler) read(ctx context.Context) error {
	now, err := s.Read(ctx)
	if err != nil {
		return err
	}
	at := s.Now()
	if s.before != nil {
		s.latest = vm.Sample{At: at, VMs: make(map[string]vm.Usage, len(now))}
		for uuid, c := range now {
			s.latest.VMs[uuid] = vm.Between(s.before[uuid], c) // a VM that is new has only what it holds
		}
	}
	s.before, s.readAt = now, at
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
