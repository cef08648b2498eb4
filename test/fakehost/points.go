//go:build linux

package fakehost

import (
	"strings"
	"sync"
)

// Points are the places between which a daemon, or hv-helper, does something that lasts: before and after
// each step of its hands, each commit, each record of the audit log. At is the one (from 1) at which it is
// cut off: from there on nothing that it does has any effect, as after kill -9. 0 for never. Where Of is
// set only points of that name count: "after launch".
type Points struct {
	At int
	Of string

	mu     sync.Mutex
	names  []string
	passed int // of those that count
	cut    bool
	ended  chan struct{}
}

// Names are the points that were passed.
func (p *Points) Names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names
}

// Last is the point that was passed last, or at which the daemon was cut off.
func (p *Points) Last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.names) == 0 {
		return "the start"
	}
	return p.names[len(p.names)-1]
}

// Cut reports whether the daemon was cut off.
func (p *Points) Cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

// Now cuts the daemon off between two points, if it was not.
func (p *Points) Now() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

// Revive begins the next life of what was cut off: points are counted, and none cuts it off.
func (p *Points) Revive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.At, p.cut, p.ended = 0, false, nil
}

// Ended is closed when the daemon was cut off.
func (p *Points) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = make(chan struct{})
		if p.cut {
			close(p.ended)
		}
	}
	return p.ended
}

func (p *Points) end() {
	if p.cut {
		return
	}
	p.cut = true
	if p.ended != nil {
		close(p.ended)
	}
}

func (p *Points) pass(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return errCut
	}
	p.names = append(p.names, name)
	if p.Of == "" || p.Of == name {
		p.passed++
	}
	if p.At == 0 || p.passed != p.At {
		return nil
	}
	p.end()
	return errCut
}

// around does f between two points.
func (p *Points) around(name string, f func() error) error {
	if err := p.pass("before " + name); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return p.pass("after " + name)
}

// Around are the names of what was begun and what was done between points: "launch" was begun where "before
// launch" was passed.
func (p *Points) Around() (begun, done map[string]bool) {
	begun, done = map[string]bool{}, map[string]bool{}
	for _, name := range p.Names() {
		if what, ok := strings.CutPrefix(name, "before "); ok {
			begun[what] = true
		} else if what, ok := strings.CutPrefix(name, "after "); ok {
			done[what] = true
		}
	}
	return begun, done
}
