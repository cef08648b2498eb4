package config

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Applied is one generation of the declaration: what was acknowledged once, as it is stored.
type Applied struct {
	Generation int64           `json:"generation"` // counts applied declarations, from 1
	Digest     string          `json:"digest,omitempty"`
	At         time.Time       `json:"at"`
	By         operation.Actor `json:"by"`
	Source     string          `json:"source"`             // "applied", or the host's own file
	Message    string          `json:"message,omitempty"`  // why, in the words of who applied it
	Restores   int64           `json:"restores,omitempty"` // the generation whose content it has, of a rollback

	Declaration json.RawMessage `json:"declaration"` // as Encode writes it
	// Complete says that every VM in it was wished for; an apply that was cut off is finished by the
	// next start.
	Complete bool `json:"complete"`
}

// Read returns what the generation declares.
func (a Applied) Read() (Declaration, error) { return Decode(a.Declaration) }

// Sum is the digest of what the generation declares, found out anew where an earlier build has kept none.
// It is by this that a generation is known again: as sealed, as planned, as the same.
func (a Applied) Sum() (string, error) {
	if a.Digest != "" {
		return a.Digest, nil
	}
	d, err := a.Read()
	if err != nil {
		return "", err
	}
	return d.Digest()
}

// MaxGenerations is how many generations are kept, with the one that stands.
const MaxGenerations = 50

// GenerationKind and GenerationName make the reference under which a generation is kept that stands no more;
// names sort as numbers do.
const GenerationKind = "generation"

// GenerationName is the name of a generation.
func GenerationName(n int64) string { return fmt.Sprintf("%010d", n) }

// CodeNoGeneration is that of a generation that is not kept.
const CodeNoGeneration = "HV-CFG-007"

// NoGeneration says that a generation is not kept.
func NoGeneration(n int64) error {
	err := fault.New(fault.NotFound, "there is no generation %d of the declaration", n).Try("hv config history lists those that are kept").WithCode(CodeNoGeneration)
	if n < 1 {
		err.What = "no declaration stood before the one that stands"
	}
	return err
}
