package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// CodePool is the code of a pool that cannot be one. It is stable.
const CodePool = "HV-DECL-014"

// StorageSection is what is declared of where volumes are kept.
type StorageSection struct {
	Pools  map[string]storage.PoolSpec  `json:"pools,omitempty"`
	Shares map[string]storage.ShareSpec `json:"shares,omitempty"`
	Keys   map[string]storage.KeySpec   `json:"keys,omitempty"`
	Images ImagesSection                `json:"images,omitzero"`
}

// maxPools bounds the pools of a host: all of them are written in one transaction with the declaration.
const maxPools = 64

const lvmPattern = `^[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}$`

// PoolPath is where a pool stands in a declaration.
func PoolPath(name string) string { return keyPath("hypervisor.storage.pools", name) }

// PoolNames are the names of the declared pools, in order.
func (s StorageSection) PoolNames() []string { return slices.Sorted(maps.Keys(s.Pools)) }

// CodeShare is the code of a share that cannot be one.
const CodeShare = "HV-SHARE-003"

// maxShares bounds the shares of a host, as maxPools does.
const maxShares = 64

// SharePath is where a share stands in a declaration.
func SharePath(name string) string { return keyPath("hypervisor.storage.shares", name) }

func checkShares(shares map[string]storage.ShareSpec) finding.List {
	var found finding.List
	refuse := func(path, subject string, err error) {
		found = append(found, finding.Finding{Code: CodeShare, Severity: finding.Refused, Subject: []string{subject}, Path: path, What: err.Error(), Remedy: fault.HintOf(err)})
	}
	if len(shares) > maxShares {
		refuse("hypervisor.storage.shares", "host", fault.New(fault.Invalid, "%d shares are more than %d", len(shares), maxShares))
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		for _, err := range storage.CheckShare(name, shares[name]) {
			refuse(SharePath(name), "share/"+name, err)
		}
	}
	return found
}

func checkStorage(s StorageSection) finding.List {
	var found finding.List
	refuse := func(path string, subject []string, err error) {
		found = append(found, finding.Finding{Code: CodePool, Severity: finding.Refused, Subject: subject, Path: path, What: err.Error(), Remedy: fault.HintOf(err)})
	}
	if len(s.Pools) > maxPools {
		refuse("hypervisor.storage.pools", []string{"host"}, fault.New(fault.Invalid, "%d pools are more than %d", len(s.Pools), maxPools))
		return found
	}
	for _, name := range s.PoolNames() {
		for _, err := range storage.CheckPool(name, s.Pools[name]) {
			refuse(PoolPath(name), []string{"pool/" + name}, err)
		}
	}
	if err := errors.Join(storage.CheckPools(s.Pools)...); err != nil {
		refuse("hypervisor.storage.pools", []string{"host"}, err)
	}
	return slices.Concat(found, checkShares(s.Shares), checkKeys(s.Keys), checkSources(s.Images.Sources))
}
