package config

import (
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	api "github.com/hyper-nixos/hyper-nixos/wire"
)

// ImagesSection is what is declared of where images come from.
type ImagesSection struct {
	Sources map[string]storage.IndexSpec `json:"sources,omitempty"`
}

// CodeSource is the code of a declared image source that cannot be one. It is stable.
const CodeSource = "HV-IMG-039"

// maxDeclaredSources bounds the image sources that are declared: they are written in one transaction with pools, shares and keys.
const maxDeclaredSources = 32

const pathSources = "hypervisor.storage.images.sources"

// SourcePath is where an image source stands in a declaration.
func SourcePath(name string) string { return keyPath(pathSources, name) }

// SourceNames are the names of the declared image sources, in order.
func (s StorageSection) SourceNames() []string { return slices.Sorted(maps.Keys(s.Images.Sources)) }

func checkSources(sources map[string]storage.IndexSpec) finding.List {
	var found finding.List
	refuse := func(path, subject string, err error) {
		remedy := fault.HintOf(err)
		if fault.CodeOf(err) == "HV-IMG-012" { // the hint names an option of hv, which a declaration has not
			remedy = "an https URL; or insecure = true"
		}
		found = append(found, finding.Finding{Code: CodeSource, Severity: finding.Refused, Subject: []string{subject}, Path: path, What: err.Error(), Remedy: remedy})
	}
	if len(sources) > maxDeclaredSources {
		refuse(pathSources, "host", fault.New(fault.Invalid, "%d image sources are more than %d", len(sources), maxDeclaredSources))
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		for _, err := range storage.CheckIndex(name, sources[name]) {
			refuse(SourcePath(name), "image-source/"+name, err)
		}
	}
	return found
}

// DriftOfSources says which declared image sources are not there as they are declared, in the order of their names.
func DriftOfSources(d Declaration, seen map[string]storage.Index) []api.Drift {
	var out []api.Drift
	for _, name := range d.Storage.SourceNames() {
		s, there := seen[name]
		one := api.Drift{Source: name, Remedy: "apply the declaration again"}
		switch {
		case !there:
			one.Kind, one.What = api.DriftMissing, "it is declared, and is not there"
		case s.Spec.Effective() != d.Storage.Images.Sources[name].Effective():
			one.Kind, one.What = api.DriftDiffers, "it is "+s.Spec.URL+", and is declared otherwise"
		default:
			continue
		}
		out = append(out, one)
	}
	return out
}
