package helper

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
)

// Each has a table of its own; what they share is the host.
func TestOfSeveralHelpersOnAHostNoTwoGiveOutTheSameUIDs(t *testing.T) {
	const helpers, vms = 3, 20
	o := options(t)
	var mu sync.Mutex
	owner := map[uint32]string{}
	var wg sync.WaitGroup
	for n := range helpers {
		mine := o
		mine.State = fmt.Sprintf("%s-%d", o.State, n)
		mine.RunPath = filepath.Join(filepath.Dir(o.RunPath), fmt.Sprintf("%08d", n))
		h, err := open(mine, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.close)
		wg.Go(func() {
			for i := range vms {
				vm := fmt.Sprintf("%d%07d-6c2e-4a9e-9a53-0d3cf1b0a001", n, i)
				g := h.guests.lock(vm)
				first, err := h.reserve(g, run.Record{VM: vm, Name: "web", BootID: h.boot})
				h.guests.unlock(g)
				mu.Lock()
				if err != nil {
					t.Error(err)
				} else if other := owner[first]; other != "" {
					t.Errorf("uid %d is of VM %s and of VM %s", first, other, vm)
				}
				owner[first] = vm
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(owner) != helpers*vms {
		t.Errorf("%d blocks for %d VMs", len(owner), helpers*vms)
	}
}
