package store

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Mismatch is a comparison that did not hold.
type Mismatch struct {
	Key  string
	Want Cmp
	Have int64 // the revision that last wrote the key; 0 if it does not exist
}

func (m Mismatch) String() string {
	have := "does not exist"
	if m.Have != 0 {
		have = fmt.Sprintf("was written by revision %d", m.Have)
	}
	switch m.Want.Test {
	case IsAbsent:
		return fmt.Sprintf("%s exists already (revision %d)", m.Key, m.Have)
	case IsPresent:
		return m.Key + " does not exist"
	default:
		return fmt.Sprintf("%s %s, not by revision %d", m.Key, have, m.Want.ModRevision)
	}
}

// CompareFailed is the cause of a refused commit. The embedded Mismatch is the first of All.
type CompareFailed struct {
	Mismatch
	All []Mismatch
}

func (e *CompareFailed) Error() string {
	texts := make([]string, len(e.All))
	for i, m := range e.All {
		texts[i] = m.String()
	}
	return strings.Join(texts, "; ")
}

// Failed returns the comparison of key that failed, if one did.
func (e *CompareFailed) Failed(key string) (Mismatch, bool) {
	for _, m := range e.All {
		if m.Key == key {
			return m, true
		}
	}
	return Mismatch{}, false
}

// Refuse returns the error of a commit whose comparisons failed, nil if none did.
func Refuse(failed []Mismatch) error {
	if len(failed) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "the store has changed").Because(&CompareFailed{Mismatch: failed[0], All: failed})
}

// Compacted says that a revision is outside of the history that is kept: older than all of it, or,
// when an older snapshot of the store was restored, newer. Either way: list again.
type Compacted struct {
	Asked  int64 // the revision that was asked for
	Oldest int64 // the oldest revision that a list can be true at
	Newest int64
}

func (e *Compacted) Error() string {
	if e.Asked > e.Newest {
		return fmt.Sprintf("revision %d has not happened: the newest is %d", e.Asked, e.Newest)
	}
	return fmt.Sprintf("revision %d is gone: the history begins at %d", e.Asked, e.Oldest)
}

// Gone returns the error for a revision outside of the kept history.
func Gone(asked, oldest, newest int64) error {
	return fault.New(fault.Precondition, "cannot go back in the store").
		Because(&Compacted{Asked: asked, Oldest: oldest, Newest: newest}).Try("list again and watch from there")
}
