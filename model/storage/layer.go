package storage

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// MaxLayers is how many layers a volume may consist of. Every one is a file that is open while a VM runs, and one more
// table to look into for every read.
const MaxLayers = 32

// Layer is one file of a volume. It holds what was written while it was the head; what was not is read from the layer
// below it. Only a head is written to: a layer with another on it never changes, and may be below many.
type Layer struct {
	ID     string      `json:"id"`               // a UUID, which its file and its node in QEMU are named after
	Pool   string      `json:"pool,omitempty"`   // where its file is; the volume's pool when absent
	Format Format      `json:"format,omitempty"` // raw when absent; what stands on another is qcow2
	Size   model.Bytes `json:"size,omitempty"`   // virtual, when it was made
	Key    string      `json:"key,omitempty"`    // that it is encrypted with; empty for none
}

// File is the name of its file in its pool.
func (l Layer) File() string {
	if l.Format == "" {
		return VolumeFile(l.ID, Raw)
	}
	return VolumeFile(l.ID, l.Format)
}

// Chain returns what a volume consists of, base first, its head last; each with its pool and format said. A volume in
// which no layers stand was made before there were any, or never had more than its own: it is one.
func (v Volume) Chain() []Layer {
	chain := slices.Clone(v.Layers)
	if len(chain) == 0 {
		id, _, _ := strings.Cut(v.File, ".")
		chain = []Layer{{ID: id, Format: v.Spec.Format, Size: v.Spec.Size, Key: v.Spec.Encryption}}
	}
	for i := range chain {
		if chain[i].Pool == "" {
			chain[i].Pool = v.Spec.Pool
		}
		if chain[i].Format == "" {
			chain[i].Format = Raw
		}
	}
	return chain
}

// Head returns the one layer of a volume that is written to.
func (v Volume) Head() Layer {
	chain := v.Chain()
	return chain[len(chain)-1]
}

// On returns the volume with chain as what it consists of. Its file is that of the head from then on.
func (v Volume) On(chain []Layer) Volume {
	v.Layers = slices.Clone(chain)
	v.File = v.Head().File()
	return v
}

// Overlay returns chain with one layer more, on which everything is written from then on. It is encrypted as the one is that
// was written to until then.
func Overlay(chain []Layer, id string, size model.Bytes) ([]Layer, error) {
	if len(chain) >= MaxLayers {
		return nil, fault.New(fault.Exhausted, "it has %d layers already, and %d is the most", len(chain), MaxLayers).
			Try("delete a snapshot, or make a full clone").WithCode("HV-VOL-030")
	}
	head := chain[len(chain)-1]
	return append(slices.Clone(chain), Layer{ID: id, Pool: head.Pool, Format: QCOW2, Size: size, Key: head.Key}), nil
}

// Without returns chain without the layer of that ID, whose data the one above has taken over by then.
func Without(chain []Layer, id string) []Layer {
	return slices.DeleteFunc(slices.Clone(chain), func(l Layer) bool { return l.ID == id })
}

// Has reports whether a chain holds the layer of that ID.
func Has(chain []Layer, id string) bool {
	return slices.ContainsFunc(chain, func(l Layer) bool { return l.ID == id })
}

// Keys are the keys that a chain is encrypted with, each once.
func Keys(chain []Layer) []string {
	var out []string
	for _, l := range chain {
		if l.Key != "" && !slices.Contains(out, l.Key) {
			out = append(out, l.Key)
		}
	}
	return out
}
