package qemu

import "github.com/hyper-nixos/hyper-nixos/model/vm"

// Living returns every process that lives, by the UUID of its VM, whether or not anybody wishes for that VM.
func (h *Host) Living() map[string]vm.Living {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]vm.Living{}
	for uuid, p := range h.vms {
		if !p.dead() {
			all[uuid] = vm.Living{Name: p.run.Name, PID: p.run.PID}
		}
	}
	return all
}
