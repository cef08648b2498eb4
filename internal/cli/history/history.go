// Package history holds `hv operation`, `hv events` and `hv audit`: what is being done, what happens, what
// was done.
//
// What lives here: looking at work and its records. What does not: asking for work (the nouns' packages).
package history

import (
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

func statePaint(state string) screen.Paint {
	switch operation.State(state) {
	case operation.Done:
		return screen.Green
	case operation.Failed:
		return screen.Red
	case operation.Cancelled, operation.Superseded:
		return screen.Dim
	case operation.Pending, operation.Running:
	}
	return screen.Yellow
}
