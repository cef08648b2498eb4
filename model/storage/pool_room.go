package storage

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// FindPool returns what the owner of a pool should know of how full it is, where its volumes were promised so much.
func FindPool(name string, spec PoolSpec, room Room, promised model.Bytes) finding.List {
	var found finding.List
	spec = spec.Effective()
	say := func(code string, severity finding.Severity, what, remedy string) {
		found = append(found, finding.Finding{Code: code, Severity: severity, Subject: []string{"pool/" + name}, What: what, Remedy: remedy})
	}
	const less = "hv pool show %s says who uses what; delete, or make it larger"
	switch full := room.UsedPercent(); {
	case full >= spec.StopPercent:
		say("HV-POOL-005", finding.Limited, fmt.Sprintf("%s is %d %% full: nothing new is made in it", room.Fullest(name), full), fmt.Sprintf(less, name))
	case full >= spec.WarnPercent:
		say("HV-POOL-010", finding.Limited, fmt.Sprintf("%s is %d %% full: from %d %% on nothing new is made in it", room.Fullest(name), full, spec.StopPercent), fmt.Sprintf(less, name))
	}
	if promised > room.Size {
		say("HV-POOL-011", finding.Advice, fmt.Sprintf("the volumes of pool %s would take %s if all were full, and it has %s", name, promised, room.Size), "watch how full it gets: hv pool show "+name)
	}
	return found
}
