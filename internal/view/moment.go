package view

import (
	"encoding/json"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// moment is when a change happened, as far as what was written says so: an event may be read long
// after. What says nothing (an edit, a deletion) has the time at which it is told.
func moment(ev store.Event, now time.Time) time.Time {
	if ev.Type == store.Delete {
		return now
	}
	var says struct {
		Created time.Time        `json:"created"` // an object, an operation
		At      time.Time        `json:"at"`      // a declaration
		Ended   time.Time        `json:"ended"`
		Steps   []operation.Step `json:"steps"`
	}
	if err := json.Unmarshal(ev.KV.Value, &says); err != nil {
		return now
	}
	latest := says.At
	if ev.Prev == nil {
		latest = later(latest, says.Created)
	}
	latest = later(latest, says.Ended)
	for _, s := range says.Steps {
		for _, t := range []*time.Time{s.Started, s.Ended} {
			if t != nil {
				latest = later(latest, *t)
			}
		}
	}
	if latest.IsZero() {
		return now
	}
	return latest.UTC()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
