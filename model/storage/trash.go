package storage

import "time"

// Trashed is a volume that was deleted, and can be had back until its time is over. It has no name among volumes any
// more: another one may have that. It is named by its UID.
type Trashed struct {
	Volume
	At    time.Time `json:"trashed"`
	Until time.Time `json:"until"`
	// Gone says that its file is being taken away: it cannot be had back any more.
	Gone bool `json:"gone,omitempty"`
}
