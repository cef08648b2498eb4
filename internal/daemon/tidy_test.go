//go:build linux

package daemon

import (
	"context"
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

const burst = 64 // MiB

var held [][]byte

func TestMemoryIsGivenBackAfterABurst(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, end := context.WithCancel(t.Context())
	gave, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		tidy(ctx, func() { giveBack(); gave <- struct{}{} })
	}()
	before, _, _ := memory()
	for range burst { // a burst: much is made, and nothing of it is needed any more
		held = append(held, make([]byte, 1<<20))
	}
	held = nil
	runtime.GC() // what a burst causes by itself, sooner or later
	<-gave
	if after, _, _ := memory(); after > before+burst/2<<20 {
		t.Errorf("%d bytes, and %d after a burst of %d MiB that is over", before, after, burst)
	}
	end()
	<-done
}
