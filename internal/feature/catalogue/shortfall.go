package catalogue

import "slices"

// Shortfall is something with which a feature falls short: another feature, a platform, a hypervisor, a CPU, a
// storage backend.
type Shortfall struct {
	With string `json:"with"`         // as its table calls it: "Live Migration", "S3"
	ID   ID     `json:"id,omitempty"` // of a feature
	Support
	Source string `json:"source"`
}

// Shortfalls returns everything with which a feature falls short, wherever it is written: pairs first, then
// platforms, then the tables.
func (c *Catalogue) Shortfalls(id ID) []Shortfall {
	var out []Shortfall
	for _, r := range c.relations {
		if r.A == id || r.B == id {
			other, _ := c.Get(r.Other(id))
			out = append(out, Shortfall{other.Name, other.ID, Support{c.Verdict(r.A, r.B), r.Reason, r.Remedy}, r.Source})
		}
	}
	f, _ := c.Get(id)
	for _, p := range Platforms() {
		if s := f.Platforms[p]; s.Mark.Short() {
			out = append(out, Shortfall{With: string(p), Support: s, Source: string(OperatingSystems)})
		}
	}
	for _, t := range c.tables {
		for _, r := range t.Rows {
			if r.Feature != id || t.Name == OperatingSystems { // those are the feature's own
				continue
			}
			for i, s := range r.Cells {
				s := Shortfall{With: t.Columns[i], Support: s, Source: string(t.Name)}
				if s.Mark.Short() && !slices.Contains(out, s) {
					out = append(out, s)
				}
			}
		}
	}
	return out
}
