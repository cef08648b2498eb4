// Package action is the only way in which anything changes: one typed method per change, each
// through the same gate (may you? is the feature on? does the phase allow it? do the rules?), each
// audited before and after, each durable as one store transaction before it is acknowledged.
//
// What lives here: the action table, the gate, the writing of wishes. What does not: reading
// (package view), decoding and encoding (api/*), and making wishes come true (package reconcile).
package action

import (
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Call is who asks, and how.
type Call struct {
	Actor operation.Actor
	Root  bool // the caller is root; whoever reaches the API's socket at all is a member

	DryRun bool
	// IdempotencyKey makes a repeated call answer what the first one did; empty for none, at most
	// 128 bytes.
	IdempotencyKey string
	// IfMatch is the revision that the object must still have; 0 for any.
	IfMatch int64
}

// Result is what a change answers: an operation, or with a dry run its preview.
type Result struct {
	Operation *operation.Operation
	Preview   *wire.Preview
	Revision  int64 // the store's; a view that has reached it shows the change
}
