package qemu

import (
	"maps"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// How long to wait before a passt that died is replaced, and before it is tried again where that
// failed: enough to keep one that dies at once from taking the host with it.
const (
	uplinkAfter = time.Second
	uplinkAgain = 30 * time.Second
)

// unlinked takes up QEMU's word that the other end of a network card is gone.
func (p *process) unlinked(ev qmp.Event) {
	stream, err := qmp.Data[qmp.StreamEvent](ev)
	if err != nil {
		return
	}
	if p.expects(stream.Netdev) { // a network card's back end is called as its socket
		p.mend(stream.Netdev, "its passt has ended", uplinkAfter)
	}
}

// mendAll takes up what hv-helper said of the network cards when the process was found.
func (p *process) mendAll() {
	for socket, lives := range p.run.Uplinks {
		if !lives {
			p.mend(socket, p.run.UplinkWhy[socket], uplinkAgain)
		}
	}
	for socket := range p.run.Sockets { // of a card whose plugging was cut off before its passt began
		if _, begun := p.run.Uplinks[socket]; !begun && strings.HasPrefix(socket, privilege.NICSocket) {
			p.mend(socket, "no passt was begun", uplinkAfter)
		}
	}
}

// mend has a passt replaced in wait, and notes until then why a card has no network. One try at a time
// is under way for each card.
func (p *process) mend(socket, why string, wait time.Duration) {
	p.mu.Lock()
	_, already := p.cut[socket]
	if p.cut == nil {
		p.cut = map[string]string{}
	}
	p.cut[socket] = why
	delete(p.unplugged, socket)
	p.mu.Unlock()
	if already {
		return
	}
	p.host.wg.Go(func() {
		defer p.host.Poke(p.run.VM)
		for p.pause(wait) && p.stillCut(socket) {
			err := p.host.Helper.Uplink(p.host.ctx, privilege.Uplink{VM: p.run.VM, Socket: socket})
			p.mu.Lock()
			_, wanted := p.cut[socket]
			if err == nil {
				delete(p.cut, socket)
			} else if wanted {
				p.cut[socket] = err.Error()
			}
			p.mu.Unlock()
			if err == nil || !wanted || fault.KindOf(err) == fault.NotFound {
				return
			}
			p.host.Log.Warn("no user networking", "vm", p.run.Name, "socket", socket, "err", err)
			p.host.Poke(p.run.VM)
			wait = uplinkAgain
		}
	})
}

// expects reports whether a network card listens on a socket and is to have a network.
func (p *process) expects(socket string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.unplugged[socket] && strings.HasPrefix(socket, privilege.NICSocket)
}

// unlearn forgets a network card that is taken away.
func (p *process) unlearn(socket string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unplugged == nil {
		p.unplugged = map[string]bool{}
	}
	p.unplugged[socket] = true
	delete(p.cut, socket)
}

func (p *process) stillCut(socket string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, cut := p.cut[socket]
	return cut
}

// pause waits, and reports whether the process is still ours and alive.
func (p *process) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.host.ctx.Done():
		return false
	case <-p.gone:
		return false
	case <-t.C:
		return true
	}
}

// cuts are the network cards without a network, by socket, and why.
func (p *process) cuts() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.cut)
}
