package reconcile

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

func TestWhoWaitsForADownloadTakesNobodysPlaceAndCanBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, made := newMakings(), 0
		one := make(chan struct{}, 1)
		one <- struct{}{} // somebody fetches it
		same := func(ctx context.Context) (func(), error) {
			select {
			case one <- struct{}{}:
				return func() { <-one }, nil
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		do := func(context.Context) error { made++; return nil }
		for n := range mostMakings {
			m.begin(t.Context(), fmt.Sprint("waits-", n), same, do, func() {})
		}
		m.begin(t.Context(), "other", func(context.Context) (func(), error) { return func() {}, nil }, do, func() {})
		synctest.Wait()
		if _, ended, err := m.of("other"); !ended || err != nil || made != 1 {
			t.Errorf("another download: ended %v, %v, %d made", ended, err, made)
		}
		for n := range mostMakings {
			m.stop(fmt.Sprint("waits-", n))
		}
		m.all.Wait()
		for n := range mostMakings {
			if _, ended, err := m.of(fmt.Sprint("waits-", n)); !ended || !errors.Is(err, stopped) {
				t.Errorf("one that was cancelled while it waited: ended %v, %v", ended, err)
			}
		}
		if made != 1 {
			t.Errorf("%d are made", made)
		}
	})
}
