package daemon

import (
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/guest/agent"
)

// staysFrozen is how long a guest is held for a snapshot, from the moment on at which it is frozen.
const staysFrozen = 10 * time.Second

// frozen is how the engine speaks to agents in guests.
type frozen struct{ agents *agent.Agents }

func (f frozen) Freeze(ctx context.Context, uuid string) error {
	_, err := f.agents.Freeze(ctx, uuid, staysFrozen)
	return err
}

func (f frozen) Thaw(ctx context.Context, uuid string) error {
	_, err := f.agents.Thaw(ctx, uuid)
	return err
}

func (f frozen) Frozen(uuid string) bool { return f.agents.Frozen(uuid) }
