package feature

import "github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"

// risk is the highest level of what is effective (all of s and core, in the catalogue's order), with who contributes to it (decision 3). At the
// lowest level nobody does.
func (w *wish) risk(s selection, effective []Effective) TotalRisk {
	total := TotalRisk{Level: catalogue.Minimal, Now: catalogue.Minimal}
	var most, now, at, count int
	there := w.all(s) | w.cat.Core()
	for i := range there.Each() {
		risk, rank := w.cat.At(i).Risk, w.cat.Rank(i)
		if rank > most {
			most, count, total.Level = rank, 0, risk
		}
		if rank == most {
			count++
		}
		if effective[at].State == On && rank > now {
			now, total.Now = rank, risk
		}
		at++
	}
	if most == 0 {
		return total
	}
	total.Contributors, at = make([]Contributor, 0, count), 0
	for i := range there.Each() {
		if w.cat.Rank(i) == most {
			f := w.cat.At(i)
			total.Contributors = append(total.Contributors, Contributor{
				ID: f.ID, State: effective[at].State, Exposes: f.Exposes, Mitigations: f.Mitigations, Acknowledged: w.risks[i],
			})
		}
		at++
	}
	return total
}
