package storage

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Source is what a volume is made of: another one that it is made a copy of, or an image that is fetched.
type Source struct {
	Volume string `json:"volume,omitempty"`
	UID    string `json:"uid,omitempty"`
	URL    string `json:"url,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // what that of the image must be
	Local  bool   `json:"local,omitempty"`  // root asked: addresses of this host and its networks are fetched from too
	Live   bool   `json:"live,omitempty"`   // a VM that runs writes to it: its QEMU makes the copy
}

// Moving is where a volume is on its way to.
type Moving struct {
	To        Layer  `json:"to"`        // the one file that it is going to consist of
	Operation string `json:"operation"` // that moves it
	// Live: a VM that runs writes to it, and its QEMU makes the copy and changes over to it. It is said of the volume that
	// it moves until QEMU has done so, also when it consists of the new file already.
	Live  bool        `json:"live,omitempty"`
	Limit model.Bytes `json:"limit,omitempty"` // bytes a second that it may take; as many as there are when 0
}

// Arrived reports whether the volume consists of what it was to be moved to.
func (v Volume) Arrived() bool { return v.Moving != nil && v.Head().ID == v.Moving.To.ID }

// Busy says what is done with the volume's content just now; empty for nothing. Meanwhile its content is nobody's to
// begin to write to, and it is not taken away.
func (v Volume) Busy() string {
	switch {
	case v.Source != nil && v.Source.URL != "":
		return fmt.Sprintf("volume %q is still being fetched from %s", v.Name, v.Source.URL)
	case v.Source != nil:
		return fmt.Sprintf("volume %q is still being copied from %q", v.Name, v.Source.Volume)
	case v.Moving != nil:
		return fmt.Sprintf("volume %q is being moved to pool %q", v.Name, v.Moving.To.Pool)
	case v.Repairing:
		return fmt.Sprintf("volume %q is being repaired", v.Name)
	case len(v.Exports) > 0:
		return fmt.Sprintf("volume %q is being exported", v.Name)
	case len(v.Copiers) > 0:
		return fmt.Sprintf("volume %q is being copied to %s", v.Name, strings.Join(v.Copiers, ", "))
	}
	return ""
}

// Arriving is the volume as it is once it has been moved.
func (v Volume) Arriving() Volume {
	to := v.Moving.To
	v.Spec.Pool, v.Spec.Format, v.Spec.Size = to.Pool, cmp.Or(to.Format, v.Spec.Format), max(to.Size, v.Spec.Size)
	v = v.On([]Layer{v.Moving.To})
	v.Moving, v.Frozen = nil, false // others may stand on what it was, and nobody on what it is
	return v
}

// CheckFetch returns what is wrong with where a volume is to be fetched from.
func CheckFetch(url, sha256 string) []error {
	errs := ImageSource{}.checkURL(url)
	if sha256 != "" && !hex256.MatchString(sha256) {
		errs = append(errs, fault.New(fault.Invalid, "%.80q is no SHA-256: 64 hex digits in lower case", sha256))
	}
	return errs
}
