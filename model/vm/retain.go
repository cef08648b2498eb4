package vm

import (
	"fmt"
	"slices"
	"time"
)

// Retained says of one set whether it stays, and why.
type Retained struct {
	Name string   `json:"name"`
	Keep bool     `json:"keep"`
	Why  []string `json:"why"` // all that keeps it: "last (1 of 3)", "daily 2026-11-28 (2 of 7)"; or why it goes
}

// rule is one rule of what stays: the last set of each of the last periods that have one.
type rule struct {
	name   string
	most   int
	period func(time.Time) string // nil: each set is one of its own
}

func (k Keep) rules() []rule {
	in := func(layout string) func(time.Time) string {
		return func(t time.Time) string { return t.Format(layout) }
	}
	week := func(t time.Time) string {
		year, n := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, n)
	}
	return []rule{
		{"last", k.Last, nil}, {"hourly", k.Hourly, in("2006-01-02T15-07:00")}, {"daily", k.Daily, in("2006-01-02")}, {"weekly", k.Weekly, week},
		{"monthly", k.Monthly, in("2006-01")}, {"yearly", k.Yearly, in("2006")},
	}
}

// Retain says which sets stay, the newest first. Days begin by clocks of zone. Sets that somebody asked for stay, but where byHand
// says that they count as those of the schedule do; sets that are protected stay always. Neither takes the place of one that a
// rule keeps. What is being taken or deleted is left out.
func Retain(sets []Snapshot, keep Keep, byHand bool, zone *time.Location) []Retained {
	sets = slices.Clone(sets)
	slices.SortStableFunc(sets, func(a, b Snapshot) int { return b.moment().Compare(a.moment()) })
	out := make([]Retained, 0, len(sets))
	var under []int // rules, by their place in out
	var at []time.Time
	for _, s := range sets {
		if !s.Whole() {
			continue
		}
		v := Retained{Name: s.Name}
		switch {
		case s.Protected:
			v.Keep, v.Why = true, []string{"protected"}
		case !s.Scheduled && !byHand:
			v.Keep, v.Why = true, []string{"taken by hand"}
		default:
			under, at = append(under, len(out)), append(at, s.moment().In(zone))
		}
		out = append(out, v)
	}
	for _, r := range keep.rules() {
		n, last := 0, ""
		for i, place := range under {
			of := ""
			if r.period != nil {
				of = r.period(at[i])
			}
			if n >= r.most || r.period != nil && n > 0 && of == last {
				continue
			}
			n, last = n+1, of
			v := &out[place]
			v.Keep = true
			if of != "" {
				of = " " + of
			}
			v.Why = append(v.Why, fmt.Sprintf("%s%s (%d of %d)", r.name, of, n, r.most))
		}
	}
	for _, place := range under {
		if !out[place].Keep {
			out[place].Why = []string{"no rule keeps it"}
		}
	}
	return out
}

// moment is when a set was taken.
func (s Snapshot) moment() time.Time {
	if s.Taken != nil {
		return s.Taken.At
	}
	return s.Created
}
