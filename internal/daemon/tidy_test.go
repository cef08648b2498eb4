//go:build linux

package daemon

import (
	"context"
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

var held []byte

func TestMemoryIsGivenBackAfterABurst(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, end := context.WithCancel(t.Context())
	gave, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		tidy(ctx, func() { giveBack(); gave <- struct{}{} })
	}()
	for range 64 { // a burst: much is made, and nothing of it is needed any more
		held = make([]byte, 1<<20)
	}
	runtime.GC() // what a burst causes by itself, sooner or later
	for range 8 {
		held = make([]byte, 1<<20)
	}
	held = nil
	<-gave
	if total, back := memory(); back > max(worthIt, total/ofMemory) {
		t.Errorf("%d bytes of %d could still be given back", back, total)
	}
	end()
	<-done
}
