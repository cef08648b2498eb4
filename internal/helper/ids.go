package helper

import (
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
)

// ids hands out the uids of VMs.
type ids struct {
	mu     sync.Mutex
	table  *uid.Table
	helper *Helper
}

// claim returns the first uid of a VM's block. A block that anything on this host still uses is not given
// to another VM: a process (of whomever), a record in a run folder, ours or another helper's. A cgroup is
// named after its VM, and forget removes it before the block is free.
func (i *ids) claim(vm string) (uint32, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	recorded := map[uint32]bool{}
	for _, r := range i.helper.folder.Foreign() {
		recorded[r.UID] = true
	}
	if first, ok := i.table.Holds(vm); ok && !recorded[first] {
		return first, nil
	}
	for _, g := range i.helper.guests.list() {
		recorded[g.recordedUID()] = true
	}
	var failed error
	first, err := i.table.Claim(vm, func(first uint32) bool {
		if recorded[first] || failed != nil {
			return true
		}
		var users map[int]uint32
		users, failed = i.helper.proc.Users(first, uid.Block)
		return len(users) > 0
	})
	if failed != nil {
		return 0, failed
	}
	if err != nil {
		return 0, fault.New(fault.Exhausted, "no uid for VM %s", vm).Because(err)
	}
	return first, nil
}

// reserve claims a VM's uids and writes the record that says so. What another helper on this host claims it
// looks up in records, ours in its, so no two of them do that at once.
func (h *Helper) reserve(g *guest, r run.Record) (first uint32, err error) {
	release, err := h.folder.AloneOnHost()
	if err != nil {
		return 0, err
	}
	defer release()
	if r.UID, err = h.ids.claim(r.VM); err != nil {
		return 0, err
	}
	if err := h.folder.MakeVM(r.VM); err != nil {
		return 0, err
	}
	g.setRecord(r)
	return r.UID, h.folder.Write(r)
}

// free gives a VM's block back.
func (i *ids) free(vm string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.table.Free(vm)
}

// owner returns the VM that a uid belongs to.
func (i *ids) owner(id uint32) (string, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.table.Owner(id)
}

// holds returns a VM's block.
func (i *ids) holds(vm string) (uint32, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.table.Holds(vm)
}
