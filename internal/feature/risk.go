package feature

import "github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"

// risk is the highest level of what is effective, with who contributes to it (decision 3). At the
// lowest level nobody does.
func (w *wish) risk(effective []Effective) TotalRisk {
	total := TotalRisk{Level: catalogue.Minimal, Now: catalogue.Minimal}
	var most, now, rank int
	places := make([]int, len(effective))
	for i, e := range effective {
		places[i], _, _ = w.cat.Place(string(e.ID))
		f := w.cat.At(places[i])
		if rank = f.Risk.Rank(); rank > most {
			most, total.Level = rank, f.Risk
		}
		if e.State == On && rank > now {
			now, total.Now = rank, f.Risk
		}
	}
	for i, e := range effective {
		f := w.cat.At(places[i])
		if f.Risk != total.Level || f.Risk == catalogue.Minimal {
			continue
		}
		total.Contributors = append(total.Contributors, Contributor{
			ID: f.ID, State: e.State, Exposes: f.Exposes, Mitigations: f.Mitigations, Acknowledged: w.risks[places[i]],
		})
	}
	return total
}
