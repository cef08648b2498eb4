package qemu

import (
	"maps"
	"time"
)

// sharesSeen is how often it is asked whether each share is served still. QEMU does not notice: it reads from that connection
// only when it has asked something itself.
const sharesSeen = 3 * time.Second

// watchShares has the VM looked at when a virtiofsd of its ends.
func (p *process) watchShares() {
	if len(p.run.Shares) == 0 {
		return
	}
	p.host.wg.Go(func() {
		for p.pause(sharesSeen) {
			ended, err := p.host.Helper.Shares(p.host.ctx, p.run.VM)
			if err != nil {
				continue // a helper that is away comes back; a VM that is gone is seen by its pidfd
			}
			p.mu.Lock()
			changed := !maps.Equal(ended, p.lost)
			p.lost = ended
			p.mu.Unlock()
			if changed {
				p.host.Poke(p.run.VM)
			}
		}
	})
}

// lostShares are the tags of shares that are served no more, and why.
func (p *process) lostShares() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.lost)
}
