package action

import (
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// mayFetch says what is wrong with a volume that is to be fetched.
func mayFetch(body wire.CreateVolume) error {
	switch {
	case body.URL == "" && body.SHA256 != "":
		return fault.New(fault.Invalid, "a SHA-256 is of an image that is fetched, and no URL is given")
	case body.URL == "":
		return nil
	case body.Image != "":
		return fault.New(fault.Invalid, "a volume begins as an image of the library, or as one that is fetched, not as both")
	case body.Size != 512:
		return fault.New(fault.Invalid, "a volume that is fetched has the size of its image").Try("hv volume resize makes it larger afterwards")
	}
	if errs := storage.CheckFetch(body.URL, body.SHA256); len(errs) > 0 {
		return fault.New(fault.Invalid, "cannot fetch volume %q", body.Name).Because(errors.Join(errs...))
	}
	return nil
}

// fetchVolume wishes for a volume that is made of what is fetched: reconcile does it as it makes a copy.
func (a *Actions) fetchVolume(c *change, call Call, v storage.Volume, body wire.CreateVolume) error {
	if a.Pools != nil {
		if can, err := a.Pools.Can(v.Spec.Pool); err == nil && can.Block {
			return fault.New(fault.Precondition, "pool %q keeps no files, and how large the image is nobody knows yet", v.Spec.Pool).
				Try("fetch it into a pool of kind dir, then hv volume move it").WithCode("HV-VOL-031")
		}
	}
	v.Source = &storage.Source{URL: body.URL, SHA256: body.SHA256, Local: call.Root}
	c.step("fetch %s as a %s volume%s", body.URL, v.Spec.Format, with(v.Spec.Encryption))
	if v.Spec.Encryption != "" {
		c.step("encrypt it; until then what was fetched lies in clear in pool %s", v.Spec.Pool)
	}
	if body.SHA256 == "" {
		c.step("hold it against nothing: no sum was given")
	}
	c.wish.TargetUID, c.wish.Generation = v.UID, 1
	c.require(store.Absent(volumeKey(v.Project, v.Name)))
	return c.put(volumeKey(v.Project, v.Name), v)
}
