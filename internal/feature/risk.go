package feature

import "github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"

// risk is the highest level of what is effective, with who contributes to it (decision 3). At the
// lowest level nobody does.
func (w *wish) risk(effective []Effective) TotalRisk {
	total := TotalRisk{Level: catalogue.Minimal, Now: catalogue.Minimal}
	for _, e := range effective {
		f, _ := w.cat.Get(e.ID)
		if f.Risk.Over(total.Level) {
			total.Level = f.Risk
		}
		if e.State == On && f.Risk.Over(total.Now) {
			total.Now = f.Risk
		}
	}
	for _, e := range effective {
		f, _ := w.cat.Get(e.ID)
		if f.Risk != total.Level || f.Risk == catalogue.Minimal {
			continue
		}
		total.Contributors = append(total.Contributors, Contributor{
			ID: f.ID, State: e.State, Exposes: f.Exposes, Mitigations: f.Mitigations, Acknowledged: w.risks[f.ID],
		})
	}
	return total
}
