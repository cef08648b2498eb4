package uevent

import (
	"context"
	"time"
)

// A card that is plugged in is a burst of messages: for each function, its driver, its interfaces. What follows is done
// once, when it was quiet for a while; and in a storm that does not end, all the same after some time.
const (
	quiet = 300 * time.Millisecond
	most  = 3 * time.Second
)

// Settle calls then each time that a burst on heard is over, until ctx ends or heard is closed.
func Settle(ctx context.Context, heard <-chan struct{}, then func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-heard:
			if !ok || !over(ctx, heard) {
				return
			}
			then()
		}
	}
}

// over waits for the end of a burst that has begun; false when nothing more is to be done.
func over(ctx context.Context, heard <-chan struct{}) bool {
	storm := time.NewTimer(most)
	defer storm.Stop()
	calm := time.NewTimer(quiet)
	defer calm.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-storm.C:
			return true
		case <-calm.C:
			return true
		case _, ok := <-heard:
			if !ok {
				return true // what was heard is still looked at
			}
			calm.Reset(quiet)
		}
	}
}
