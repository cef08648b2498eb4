package config

import (
	"encoding/json"
	"time"

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
