package door

import (
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model"
)

type pin privilege.Pin

const maxThreads = 2048

func (p *pin) check(w *wrong, files int) {
	w.noFiles(files)
	w.uuid(p.VM)
	w.unless(len(p.Threads) <= maxThreads, "threads: %d; at most %d", len(p.Threads), maxThreads)
	lists := []string{p.Rest}
	for id, list := range p.Threads {
		w.unless(id > 0, "threads: %d is the id of none", id)
		lists = append(lists, list)
	}
	for _, list := range lists[:min(len(lists), maxThreads)] {
		if list == "" {
			continue
		}
		if _, err := model.ParseCPUs(list); err != nil {
			w.say("CPUs: %v", err)
		}
	}
}
