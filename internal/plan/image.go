package plan

import (
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// ImageInput is everything that the plan of an image follows from.
type ImageInput struct {
	Wish   storage.Image
	Status storage.ImageStatus
	Exists bool     // its file is there
	UsedBy []string // volumes of which it is a layer
}

// Image returns what is to be done about an image: it is made once, and taken away when it is deleted and no volume
// stands on it.
func Image(in ImageInput) (Plan, error) {
	i := in.Wish
	switch {
	case i.Deleted != nil && len(in.UsedBy) > 0:
		return Plan{}, nil // looked at again when the volume goes
	case i.Deleted != nil:
		return Plan{Steps: []Step{{Kind: DeleteImage, Name: "delete its file", Image: &i}}, Reached: true, Removed: true}, nil
	case in.Exists:
		return Plan{Reached: true}, nil
	case in.Status.Ready:
		return Plan{}, fault.New(fault.NotFound, "the file of image %q is gone from its pool", i.Name).
			Try("hv image delete %s, and import it again", i.Name).WithCode("HV-IMG-017")
	}
	return Plan{Steps: []Step{{Kind: MakeImage, Name: "make it", Image: &i}}, Reached: true}, nil
}
