package host

import (
	"maps"
	"slices"
	"time"
)

// Standing is how a host stands in one matter: an answer, why, and the way to yes.
type Standing struct {
	Answer string `json:"answer"` // yes, limited, not asked, no; of a feature: on, waiting, unavailable
	Why    string `json:"why,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Change is one matter in which a host stands otherwise than before.
type Change struct {
	What   string `json:"what"`             // "feature gpuPassthrough", "device 0000:01:00.0 (…)"
	Before string `json:"before,omitempty"` // absent: it is new
	After  string `json:"after,omitempty"`  // absent: it is gone
	Why    string `json:"why,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Status is how a host stood when it was last looked at, and what has changed.
type Status struct {
	Seen    time.Time         `json:"seen"` // when Answers came to be as they are
	BootID  string            `json:"bootID,omitempty"`
	Answers map[string]string `json:"answers"`
	// Changes are those of this boot, the start included, that still stand: what came back to what it was is no change.
	Changes []Change `json:"changes,omitempty"`
	// Last are those that were found together, last.
	Last []Change `json:"last,omitempty"`
}

// ranks are the answers, worst first; what is gone is worse than any.
var ranks = []string{"", "no", "unavailable", "waiting", "not asked", "limited", "yes", "on"}

// Worse reports whether the host can less than before. What was not asked before is not known to have been better.
func (c Change) Worse() bool {
	return c.Before != "not asked" && slices.Index(ranks, c.After) < slices.Index(ranks, c.Before)
}

// Changes returns in what now differs from before, in order.
func Changes(before map[string]string, now map[string]Standing) []Change {
	var out []Change
	for _, what := range slices.Sorted(maps.Keys(now)) {
		if s, was := now[what], before[what]; s.Answer != was {
			out = append(out, Change{What: what, Before: was, After: s.Answer, Why: s.Why, Remedy: s.Remedy})
		}
	}
	for _, what := range slices.Sorted(maps.Keys(before)) {
		if _, there := now[what]; !there {
			out = append(out, Change{What: what, Before: before[what]})
		}
	}
	return out
}

// Then adds later changes to earlier ones: of each matter how it is at last, and how it was before it became worse. What
// is again as it was drops out.
func Then(earlier, later []Change) []Change {
	out := slices.Clone(earlier)
	for _, l := range later {
		i := slices.IndexFunc(out, func(c Change) bool { return c.What == l.What })
		if i < 0 {
			out = append(out, l)
			continue
		}
		if out[i].Worse() {
			l.Before = out[i].Before
		}
		out[i] = l
	}
	return slices.DeleteFunc(out, func(c Change) bool { return c.Before == c.After })
}
