package view

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Keyslots says what opens a volume, as its layers' headers have it now.
func (v *View) Keyslots(ctx context.Context, ref model.Ref) (wire.Keyslots, error) {
	v.mu.RLock()
	e := v.volumes[ref]
	v.mu.RUnlock()
	if e == nil || e.volume.Name == "" {
		return wire.Keyslots{}, notFound("volume", ref.String(), "hv volume list").WithCode("HV-VOL-001")
	}
	if v.Pools == nil {
		return wire.Keyslots{}, fault.New(fault.Unavailable, "nobody here reads the headers of volumes")
	}
	all, err := v.Pools.Keyslots(ctx, e.volume.Chain())
	return wire.Keyslots{Items: all}, fault.Wrap(err, "volume %q", ref.Name)
}
