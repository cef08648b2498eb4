package reconcile

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestWhoReadsSomethingNewWaitsForWhatCameWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFollowed()
		f.advance(4)
		there := make(chan error, 1)
		go func() { there <- f.await(t.Context(), 6) }()
		f.advance(5)
		synctest.Wait()
		select {
		case err := <-there:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		f.advance(7)
		if err := <-there; err != nil {
			t.Error(err)
		}
		if err := f.await(t.Context(), 7); err != nil {
			t.Error(err)
		}
		f.advance(2) // what was followed stays
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := f.await(ctx, 8); !errors.Is(err, context.Canceled) || f.await(ctx, 7) != nil {
			t.Errorf("the engine ended, and %v", err)
		}
	})
}
