package storage

import (
	"fmt"
	"strings"
)

// Source is the volume that another one is made a copy of.
type Source struct {
	Volume string `json:"volume"`
	UID    string `json:"uid"`
}

// Moving is where a volume is on its way to.
type Moving struct {
	To        Layer  `json:"to"`        // the one file that it is going to consist of
	Operation string `json:"operation"` // that moves it
}

// Busy says what is done with the volume's content just now; empty for nothing. Meanwhile its content is nobody's to
// begin to write to, and it is not taken away.
func (v Volume) Busy() string {
	switch {
	case v.Source != nil:
		return fmt.Sprintf("volume %q is still being copied from %q", v.Name, v.Source.Volume)
	case v.Moving != nil:
		return fmt.Sprintf("volume %q is being moved to pool %q", v.Name, v.Moving.To.Pool)
	case len(v.Copiers) > 0:
		return fmt.Sprintf("volume %q is being copied to %s", v.Name, strings.Join(v.Copiers, ", "))
	}
	return ""
}

// Arriving is the volume as it is once it has been moved.
func (v Volume) Arriving() Volume {
	v.Spec.Pool = v.Moving.To.Pool
	v = v.On([]Layer{v.Moving.To})
	v.Moving = nil
	return v
}
