package qemu

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// turned passes on that a guest has opened or closed the port of its agent.
func (p *process) turned(ev qmp.Event) {
	port, err := qmp.Data[qmp.SerialPortEvent](ev)
	if err == nil && port.ID == machine.AgentPort {
		p.host.Agent(p.run.VM, port.Open)
	}
}

// askPort finds out whether the guest has the port open of whose opening nobody here has heard: an earlier daemon may
// have started the VM. Events that come meanwhile are kept, and are newer.
func (p *process) askPort(m Monitor) {
	if _, ok := p.run.Sockets[machine.AgentSocket]; !ok {
		return
	}
	ctx, cancel := context.WithTimeout(p.host.ctx, statusWithin)
	defer cancel()
	ports, err := qmp.QueryChardevs(ctx, m)
	if err != nil {
		return // who needs the agent asks it, and hears that it does not answer
	}
	for _, port := range ports {
		if port.Label == machine.AgentSocket {
			p.host.Agent(p.run.VM, port.Open)
		}
	}
}
