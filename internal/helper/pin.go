package helper

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// pin says on which CPUs the threads of a VM's QEMU run. A thread runs where the one ran that has made it, until it is told
// otherwise: so those are looked for again that came while others were told.
func (h *Helper) pin(p *privilege.Pin) error {
	g, err := h.guests.running(p.VM)
	if err != nil {
		return err
	}
	defer g.mu.Unlock()
	told := map[int]bool{}
	for again := true; again; {
		host, err := h.proc.Threads(g.qemu.PID)
		if err != nil || !g.alive() { // while the pidfd lives, the threads were this VM's
			return fault.New(fault.Precondition, "VM %s has ended", p.VM).Because(err)
		}
		again = false
		for inner, outer := range host {
			if told[outer] {
				continue
			}
			told[outer], again = true, true
			list, named := p.Threads[inner]
			if !named {
				list = p.Rest
			}
			if err := runOn(outer, list); err != nil {
				return err
			}
		}
	}
	return nil
}

// runOn has a thread run on the CPUs of a list, or on any where that is empty.
func runOn(thread int, list string) error {
	var mask unix.CPUSet
	if list == "" {
		for n := range model.MaxCPUNumber + 1 {
			mask.Set(n)
		}
	} else {
		cpus, err := model.ParseCPUs(list)
		if err != nil {
			return fault.New(fault.Invalid, "CPUs %q", list).Because(err)
		}
		for _, n := range cpus {
			mask.Set(n)
		}
	}
	switch err := unix.SchedSetaffinity(thread, &mask); {
	case err == nil, errors.Is(err, unix.ESRCH): // it has ended
		return nil
	case errors.Is(err, unix.EINVAL):
		return fault.New(fault.Precondition, "none of the CPUs %s is there, or may be used by VMs", list).Because(err).
			Try("lscpu -e lists those that are online; cpuset.cpus.effective of the VM's cgroup has those that it may use")
	case errors.Is(err, unix.EPERM):
		return fault.New(fault.Internal, "hv-helper may not say where a thread runs").Because(err).Try("it needs CAP_SYS_NICE: CapabilityBoundingSet of hv-helper.service")
	default:
		return fault.New(fault.Internal, "cannot say where a thread runs").Because(err)
	}
}
