package snapshot

import (
	"slices"
	"time"
)

// What is kept: the newest few, for a mistake of today; one of each of the last days, for damage that is
// found late; the last one from before a change of the file's form, for who goes back to the older program.
const (
	keepNewest = 6
	keepDays   = 7
	keepBytes  = 2 << 30 // of all together; the newest two stay whatever they weigh
	keepAlways = 2
)

// MaxKept is how many there are at most once Prune has run.
const MaxKept = keepNewest + keepDays + 1

// Spare returns those of all that need not be kept, oldest first.
func Spare(all []Manifest, now time.Time) []Manifest {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Manifest) int { return b.Time.Compare(a.Time) }) // newest first
	days := map[string]bool{}
	migration := false
	var kept int64
	var spare []Manifest
	for i, m := range sorted {
		keep := i < keepNewest
		if day := m.Time.UTC().Format(time.DateOnly); !days[day] && now.Sub(m.Time) < keepDays*24*time.Hour && len(days) < keepDays {
			days[day], keep = true, true
		}
		if m.Reason == Migration && !migration {
			migration, keep = true, true
		}
		if i >= keepAlways && kept+m.Bytes > keepBytes {
			keep = false
		}
		if !keep {
			spare = append(spare, m)
			continue
		}
		kept += m.Bytes
	}
	slices.Reverse(spare)
	return spare
}

// When says whether a snapshot is due.
type When struct {
	Every    time.Duration // at the latest, if something has changed
	Revision int64         // this many changes make one due earlier
}

// Hourly is what a host wants.
var Hourly = When{Every: time.Hour, Revision: 2000}

// Due says why a snapshot is due; empty if none is. last is the newest one, nil for none; revision is the
// store's of now. A revision that is less than the snapshot's was restored: it is another store's.
func (w When) Due(last *Manifest, revision int64, now time.Time) Reason {
	switch {
	case last == nil || revision < last.Revision:
		return Start
	case revision == last.Revision:
		return ""
	case revision-last.Revision >= w.Revision:
		return Changes
	case now.Sub(last.Time) >= w.Every || now.Before(last.Time): // a clock that was set back counts from then on
		return Schedule
	}
	return ""
}
