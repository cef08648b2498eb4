package qemu

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

const (
	// asksAtOnce is how many QEMUs are asked at one time what their guests did with their disks.
	asksAtOnce = 8
	// countedWithin is how long all of them get. What one that is silent has counted is not known then.
	countedWithin = 2 * time.Second
)

// Counters returns what every VM that lives has used so far, by UUID. Processor and memory are the kernel's figures,
// which hv-helper reads for all; what was asked of disks QEMU tells. A VM that ends meanwhile is left out. No monitor is
// dialled for it: one that there is no conversation with is asked by who mends that.
func (h *Host) Counters(ctx context.Context) (map[string]vm.Counters, error) {
	h.mu.Lock()
	alive := map[string]*process{}
	for uuid, p := range h.vms {
		if !p.dead() {
			alive[uuid] = p
		}
	}
	h.mu.Unlock()
	all := make(map[string]vm.Counters, len(alive))
	for some := range slices.Chunk(slices.Collect(maps.Keys(alive)), privilege.MaxUsage) {
		used, err := h.Helper.Usage(ctx, privilege.Usage{VMs: some})
		if err != nil {
			return nil, err
		}
		at := time.Now()
		for _, u := range used {
			if p := alive[u.VM]; p != nil {
				all[u.VM] = vm.Counters{
					Run: p.run.StartTime, At: at, CPU: time.Duration(u.CPUMicros) * time.Microsecond,
					Resident: model.Bytes(u.RSSBytes), Threads: u.Threads,
				}
			}
		}
	}
	for uuid, disk := range disksOf(ctx, alive) {
		if c, ok := all[uuid]; ok {
			c.Disk = disk
			all[uuid] = c
		}
	}
	return all, nil
}

// disksOf asks QEMUs for what their guests did with their disks.
func disksOf(ctx context.Context, alive map[string]*process) map[string]*vm.DiskCounters {
	ctx, cancel := context.WithTimeout(ctx, countedWithin)
	defer cancel()
	var mu sync.Mutex
	all := make(map[string]*vm.DiskCounters, len(alive))
	var g errgroup.Group
	g.SetLimit(asksAtOnce)
	for uuid, p := range alive {
		m := p.talk()
		if m == nil {
			continue
		}
		g.Go(func() error {
			stats, err := qmp.QueryBlockStats(ctx, m)
			if err != nil {
				return nil // what QEMU does not tell is not known
			}
			disk := &vm.DiskCounters{At: time.Now()}
			for _, s := range stats {
				disk.ReadBytes += s.Stats.ReadBytes
				disk.WriteBytes += s.Stats.WriteBytes
				disk.Reads += s.Stats.Reads
				disk.Writes += s.Stats.Writes
			}
			mu.Lock()
			defer mu.Unlock()
			all[uuid] = disk
			return nil
		})
	}
	_ = g.Wait() // nothing of it fails
	return all
}
