package action

import "sync"

// arrivals keep content from being removed while other content arrives: the same bytes may be on
// their way under another name, and have none yet. What is to go waits until nothing arrives.
type arrivals struct {
	mu     sync.Mutex
	n      int
	doomed map[string]bool // by digest
}

func (a *arrivals) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
}

// doom says that a content may have lost its last name; "" is none.
func (a *arrivals) doom(sha string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.doomed == nil {
		a.doomed = map[string]bool{}
	}
	if sha != "" {
		a.doomed[sha] = true
	}
}

// end drops what is doomed if nothing else arrives. Nothing begins to arrive meanwhile.
func (a *arrivals) end(drop func(sha string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n--; a.n > 0 {
		return
	}
	for sha := range a.doomed {
		drop(sha)
	}
	a.doomed = nil
}
