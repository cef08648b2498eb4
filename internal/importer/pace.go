package importer

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// tooSlow is final: the same server would be as slow again.
var tooSlow = fault.New(fault.Exhausted, "less than %s came in %s: it is given up, for others wait for its place", slowest, slowFor).
	WithCode("HV-IMG-026").Try("a mirror; or fetch it yourself, and then: hv image import NAME FILE")

// pace watches that a download goes on fast enough.
type pace struct {
	done atomic.Int64
	quit chan struct{}
	over chan struct{}
}

// pace begins to watch, and stops a download that is too slow.
func (i *Importer) pace(from int64, stop context.CancelCauseFunc) *pace {
	p := &pace{quit: make(chan struct{}), over: make(chan struct{})}
	p.done.Store(from)
	go func() {
		defer close(p.over)
		tick := time.NewTicker(i.slow)
		defer tick.Stop()
		for last := from; ; {
			select {
			case <-p.quit:
				return
			case <-tick.C:
			}
			now := p.done.Load()
			if now-last < int64(slowest) {
				stop(tooSlow)
				return
			}
			last = now
		}
	}()
	return p
}

func (p *pace) end() {
	close(p.quit)
	<-p.over
}
