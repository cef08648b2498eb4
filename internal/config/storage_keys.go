package config

import (
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	api "github.com/hyper-nixos/hyper-nixos/wire"
)

// CodeKey is the code of a declared key that cannot be one. It is stable.
const CodeKey = "HV-KEY-029"

// maxDeclaredKeys bounds the keys that are declared, as maxPools does.
const maxDeclaredKeys = 64

// KeyPath is where a key stands in a declaration.
func KeyPath(name string) string { return keyPath("hypervisor.storage.keys", name) }

// KeyNames are the names of the declared keys, in order.
func (s StorageSection) KeyNames() []string { return slices.Sorted(maps.Keys(s.Keys)) }

func checkKeys(keys map[string]storage.KeySpec) finding.List {
	var found finding.List
	refuse := func(path, subject string, err error) {
		found = append(found, finding.Finding{Code: CodeKey, Severity: finding.Refused, Subject: []string{subject}, Path: path, What: err.Error(), Remedy: fault.HintOf(err)})
	}
	if len(keys) > maxDeclaredKeys {
		refuse("hypervisor.storage.keys", "host", fault.New(fault.Invalid, "%d keys are more than %d", len(keys), maxDeclaredKeys))
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		for _, err := range storage.CheckKey(name, keys[name]) {
			refuse(KeyPath(name), "key/"+name, err)
		}
	}
	return found
}

// SeenKey is a key as it is wished, and as it was seen last.
type SeenKey struct {
	Key    storage.Key
	Status storage.KeyStatus
}

// DriftOfKeys says which declared keys encrypt nothing yet or any more, in the order of their names. One that is only locked is as it is
// declared: its passphrase is its owner's to say.
func DriftOfKeys(d Declaration, seen map[string]SeenKey) []api.Drift {
	var out []api.Drift
	for _, name := range d.Storage.KeyNames() {
		s, there := seen[name]
		one := api.Drift{Key: name}
		switch state := s.Status.State; {
		case !there:
			one.Kind, one.What, one.Remedy = api.DriftMissing, "it is declared, and is not there", "apply the declaration again"
		case !s.Key.Spec.Same(d.Storage.Keys[name]):
			one.Kind, one.What, one.Remedy = api.DriftDiffers, "it is sealed by "+s.Key.Spec.Sealed()+", and is declared otherwise", "apply the declaration again"
		case state == storage.KeyLost:
			one.Kind, one.What, one.Why, one.Remedy = api.DriftMissing, "its secret is lost", s.Status.Problem, s.Status.Hint
		case s.Status.Secret > 0:
			continue
		case s.Status.Problem != "":
			one.Kind, one.What, one.Why, one.Remedy = api.DriftMissing, "it has no secret yet", s.Status.Problem, s.Status.Hint
		default:
			one.Kind, one.What, one.Remedy = api.DriftMissing, "it has no secret yet", "hv key unlock "+name+" asks for a passphrase, and makes it"
		}
		out = append(out, one)
	}
	return out
}
