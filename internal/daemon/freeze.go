package daemon

import (
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/guest/agent"
)

// freezesWithin is how long a guest may take to write out what it holds back.
const freezesWithin = 10 * time.Second

// frozen is how the engine speaks to agents in guests.
type frozen struct{ agents *agent.Agents }

func (f frozen) Freeze(ctx context.Context, uuid string) error {
	_, err := f.agents.Freeze(ctx, uuid, freezesWithin)
	return err
}

func (f frozen) Thaw(ctx context.Context, uuid string) error {
	_, err := f.agents.Thaw(ctx, uuid)
	return err
}
