package reconcile

import "context"

// SweepDropped is for tests that have a store of their own.
func (e *Engine) SweepDropped(ctx context.Context) error { return e.sweepDropped(ctx) }
