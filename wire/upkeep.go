package wire

import "github.com/hyper-nixos/hyper-nixos/model/upkeep"

// Upkeep is what `hvd store VERB` answers to hv: one of these.
type Upkeep struct {
	Check     *upkeep.Check     `json:"check,omitempty"`
	Snapshots []upkeep.Snapshot `json:"snapshots,omitempty"`
	Snapshot  *upkeep.Snapshot  `json:"snapshot,omitempty"`
	Restore   *upkeep.Restore   `json:"restore,omitempty"`
	Forgotten *upkeep.Forgotten `json:"forgotten,omitempty"`
	Problem   *Problem          `json:"problem,omitempty"` // why it was not done
}
