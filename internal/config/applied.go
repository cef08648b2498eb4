package config

import (
	"encoding/json"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Applied is a declaration that was acknowledged, as it is stored.
type Applied struct {
	Generation  int64           `json:"generation"` // counts applied declarations, from 1
	At          time.Time       `json:"at"`
	By          operation.Actor `json:"by"`
	Source      string          `json:"source"`      // "applied", or the host's own file
	Declaration json.RawMessage `json:"declaration"` // as Encode writes it
	// Complete says that every VM in it was wished for; an apply that was cut off is finished by the
	// next start.
	Complete bool `json:"complete"`
}
