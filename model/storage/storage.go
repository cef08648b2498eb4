// Package storage holds the words for what VMs keep: volumes and boot files.
//
// What does not live here: how a backend stores them (internal/storage/*). A spec names a volume or
// a boot file, never a path.
package storage

import (
	"fmt"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// DefaultPool is the pool of a volume that names none.
const DefaultPool = "default"

// Format is a disk image format. It is always named, never guessed from content.
type Format string

// The formats.
const (
	Raw   Format = "raw"
	QCOW2 Format = "qcow2"
)

// MaxVolume is the largest virtual size of a volume.
const MaxVolume = 64 * model.TiB

// VolumeSpec is what is wished of a volume.
type VolumeSpec struct {
	Pool   string      `json:"pool,omitempty"`
	Format Format      `json:"format,omitempty"` // raw when absent
	Size   model.Bytes `json:"size,omitempty"`   // virtual; a multiple of 512 bytes
	// Image is the image of the library that it begins as; what is on it is read from there until it is written to.
	Image string `json:"image,omitempty"`
	// Encryption is the key that what is written to it is encrypted with; "none" where it is made so that no default holds.
	Encryption string `json:"encryption,omitempty"`
}

// Volume is a stored volume.
type Volume struct {
	model.Metadata
	Spec VolumeSpec `json:"spec"`
	File string     `json:"file"` // the name in the pool of the file that is written to, its head's: never a path of a user's
	// Layers are what it consists of, base first; absent where it is one file. Chain reads them.
	Layers []Layer `json:"layers,omitempty"`
	// Frozen: others stand on its head. It gets a layer of its own before anything writes to it.
	Frozen bool `json:"frozen,omitempty"`
	// SHA256 is of the bytes that were imported, while nothing has written to the volume since.
	SHA256 string `json:"sha256,omitempty"`
	// KeepUntil says of one that is being deleted until when it is to lie in the trash; nil: it is gone at once.
	KeepUntil *time.Time `json:"keepUntil,omitempty"`

	Source  *Source  `json:"source,omitempty"`  // it is still being made a copy of that
	Copiers []string `json:"copiers,omitempty"` // volumes that are still being made copies of it: "web-copy"
	Exports []string `json:"exports,omitempty"` // exports that read it just now; a daemon that starts has none
	// Repairing: the one that reads it puts its files in order, so that nobody else may read them.
	Repairing bool    `json:"repairing,omitempty"`
	Moving    *Moving `json:"moving,omitempty"`
	Leaving   []Layer `json:"leaving,omitempty"` // files that it consisted of before it was moved: to be removed
}

// VolumeStatus is what was seen of a volume, written by reconcile.
type VolumeStatus struct {
	Made    bool   `json:"made"`              // its file was made or imported
	Problem string `json:"problem,omitempty"` // what keeps it from its wish
	// Size is how large it is, where that is not what is wished; 0 where it is, or nobody has looked.
	Size model.Bytes `json:"size,omitempty"`
}

// VolumeCheck is what a check of a volume's files has found.
type VolumeCheck struct {
	At time.Time `json:"at"`
	// Corruptions are places where what is read may be wrong; Leaks is room that is taken and not used, which is harmless.
	Corruptions int64 `json:"corruptions,omitempty"`
	Leaks       int64 `json:"leaks,omitempty"`
	Repaired    int64 `json:"repaired,omitempty"` // of both, what was put in order
	// Layers are how many files were looked at; of a raw one there is nothing that could be wrong.
	Layers int `json:"layers"`
}

// Well reports whether nothing is left that is wrong.
func (c VolumeCheck) Well() bool { return c.Corruptions == 0 }

// Claim says who may open a volume: one writer, or readers.
type Claim struct {
	Writer  string   `json:"writer,omitempty"` // "vm/web"
	Readers []string `json:"readers,omitempty"`
}

// Holders returns everybody who holds the claim.
func (c Claim) Holders() []string {
	if c.Writer != "" {
		return []string{c.Writer}
	}
	return c.Readers
}

// Without returns the claim without one holder, and whether that one held it.
func (c Claim) Without(holder string) (Claim, bool) {
	if c.Writer == holder {
		return Claim{}, true
	}
	i := slices.Index(c.Readers, holder)
	if i < 0 {
		return c, false
	}
	c.Readers = slices.Delete(slices.Clone(c.Readers), i, i+1)
	return c, true
}

// With returns the claim with one holder more. Where somebody else's stands against it, it returns
// those.
func (c Claim) With(holder string, readOnly bool) (Claim, []string) {
	c, _ = c.Without(holder)
	if c.Writer != "" || !readOnly && len(c.Readers) > 0 {
		return c, c.Holders()
	}
	if readOnly {
		c.Readers = append(slices.Clone(c.Readers), holder)
	} else {
		c.Writer = holder
	}
	return c, nil
}

// VolumeUsage is what was seen of a volume.
type VolumeUsage struct {
	Allocated model.Bytes `json:"allocated,omitempty"` // of its file; absent when unknown or nothing
	UsedBy    string      `json:"usedBy,omitempty"`    // "vm/web"
}

// BootKind says what a boot file is.
type BootKind string

// The kinds of boot files.
const (
	KernelFile BootKind = "kernel"
	InitrdFile BootKind = "initrd"
)

// MaxBootFile is the largest boot file.
const MaxBootFile = 512 * model.MiB

// BootFile is a stored kernel or initrd. Its content never changes: another content is another file
// under the same name, and a running VM keeps what it was started with.
type BootFile struct {
	model.Metadata
	Kind   BootKind    `json:"kind"`
	SHA256 string      `json:"sha256"`
	Size   model.Bytes `json:"size"`
}

// CheckVolume returns what is wrong with a volume's name and spec, all of it.
func CheckVolume(name string, s VolumeSpec) []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	add(model.CheckName("volume name", name))
	if s.Pool != "" {
		add(model.CheckName("pool name", s.Pool))
	}
	if s.Format != "" && s.Format != Raw && s.Format != QCOW2 {
		add(fault.New(fault.Invalid, "format %.20q is none of raw, qcow2", string(s.Format)))
	}
	if s.Encryption != "" {
		add(model.CheckName("key name", s.Encryption))
	}
	switch {
	case s.Size <= 0:
		add(fault.New(fault.Invalid, "a volume needs a size").Try("--size 10GiB"))
	case s.Size > MaxVolume:
		add(fault.New(fault.Invalid, "size %s is more than %s", s.Size, MaxVolume))
	case s.Size%512 != 0:
		add(fault.New(fault.Invalid, "size %d is not a multiple of 512 bytes", int64(s.Size)))
	}
	return errs
}

// CheckBootFile returns what is wrong with a boot file's name and kind.
func CheckBootFile(name string, kind BootKind) []error {
	var errs []error
	if err := model.CheckName("boot file name", name); err != nil {
		errs = append(errs, err)
	}
	if kind != KernelFile && kind != InitrdFile {
		errs = append(errs, fault.New(fault.Invalid, "boot file kind %.20q is none of kernel, initrd", string(kind)))
	}
	return errs
}

// VolumeFile returns the name that the volume with this UID has in its pool.
func VolumeFile(uid string, f Format) string { return fmt.Sprintf("%s.%s", uid, f) }
