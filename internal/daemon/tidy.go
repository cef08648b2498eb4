//go:build linux

package daemon

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A daemon waits for most of its life, and what it had at its busiest would stay its own for minutes:
// Go's scavenger takes its time, and the garbage of a burst waits for the next one. It is given back
// as soon as nothing goes on.
const (
	quiet    = time.Second // without a collection: nothing that is worth its name goes on
	worthIt  = 256 << 10   // bytes that would come back; less is not worth a collection
	ofMemory = 32          // and one part in so many of all that it has
)

// tidy gives memory back after every burst of work, until ctx ends. It is woken by the collections
// that a burst causes: a daemon that does nothing is not woken.
func tidy(ctx context.Context, give func()) {
	collected := make(chan struct{}, 1)
	ended := make(chan struct{})
	defer close(ended)
	onCollection(collected, ended)
	calm := time.NewTimer(quiet)
	calm.Stop()
	defer calm.Stop()
	own := uint64(0) // collections until we had given back: ours is no sign of work
	for {
		select {
		case <-ctx.Done():
			return
		case <-collected:
			calm.Reset(quiet)
		case <-calm.C:
			total, back, collections := memory()
			if collections > own && back > max(worthIt, total/ofMemory) {
				give()
				_, _, own = memory()
			}
		}
	}
}

// onCollection tells of every collection until ended is closed: an object that nobody holds is cleaned
// up by the next one, and makes another.
func onCollection(collected chan<- struct{}, ended <-chan struct{}) {
	type sentinel struct{ _ *byte } // with a pointer it is allocated by itself
	runtime.AddCleanup(new(sentinel), func(struct{}) {
		select {
		case <-ended:
			return
		default:
		}
		select {
		case collected <- struct{}{}:
		default:
		}
		onCollection(collected, ended)
	}, struct{}{})
}

// memory is what this process has of the system, about how much of it a collection would give back, and
// how many collections there were.
func memory() (total, back, collections uint64) {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(s)
	total = s[0].Value.Uint64() - s[1].Value.Uint64()
	if objects, live := s[2].Value.Uint64(), s[3].Value.Uint64(); objects > live {
		back = objects - live
	}
	return total, back + s[4].Value.Uint64(), s[5].Value.Uint64()
}

// giveBack collects and returns what is free.
func giveBack() { debug.FreeOSMemory() }
