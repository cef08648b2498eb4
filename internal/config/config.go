// Package config holds the host declaration: what an owner writes in Nix, JSON or YAML of one shape
// becomes one validated value, each part with its place in the owner's own file.
//
// What lives here: the description of the shape (from which strict reading, the JSON Schema and the
// completion of keys come), the check of a declaration against a host's facts, its form on the wire,
// and what changes from one declaration to the next; in the folder tree the three readers. What does
// not: the Nix language (nixlang), what features mean (feature), what one VM may look like
// (model/vm), where files come from (they are handed in as an fs.FS), and what applying does (action,
// reconcile).
//
// Input is hostile until it was read: size, depth, numbers and strings are bounded, and every
// problem is told at once, sorted by its place.
package config

import (
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

//go:generate go test -run TestThePublishedSchemaIsFresh -update .

// Declaration is what an owner declares of one host.
type Declaration struct {
	FeatureManager feature.Declaration
	Host           HostSection
	Hardening      HardeningSection
	Storage        StorageSection
	VMs            map[string]vm.Definition // by name; each carries its name too
	Sources        SourceMap                // where each path stands in the owner's files
}

// HostSection is what is declared of the host itself.
type HostSection struct {
	Name        string `json:"name,omitempty"`        // DNS label
	Description string `json:"description,omitempty"` // up to 1024 bytes
}

// document is a whole file. Its JSON tags, with those of the types in it, are the schema.
type document struct {
	Hypervisor section `json:"hypervisor,omitzero"`
}

type section struct {
	Host           HostSection              `json:"host,omitzero"`
	Hardening      HardeningSection         `json:"hardening,omitzero"`
	Storage        StorageSection           `json:"storage,omitzero"`
	FeatureManager feature.Declaration      `json:"featureManager,omitzero"`
	VMs            map[string]vm.Definition `json:"vms,omitempty"`
}

// Names returns the names of the declared VMs, sorted.
func (d Declaration) Names() []string { return slices.Sorted(maps.Keys(d.VMs)) }

func (d Declaration) document() document {
	return document{Hypervisor: section{Host: d.Host, Hardening: d.Hardening, Storage: d.Storage, FeatureManager: d.FeatureManager, VMs: d.VMs}}
}

// understand makes a declaration of a tree, with all that is wrong with it.
func understand(root tree.Node) (Declaration, []Problem) {
	s := &strict{sources: SourceMap{"": root.At}}
	var doc document
	s.document(root, &doc)
	d := Declaration{FeatureManager: doc.Hypervisor.FeatureManager, Host: doc.Hypervisor.Host, Hardening: doc.Hypervisor.Hardening, Storage: doc.Hypervisor.Storage, VMs: doc.Hypervisor.VMs, Sources: s.sources}
	for name, v := range d.VMs {
		d.VMs[name] = s.named(name, v)
	}
	return d, s.found
}

// named gives a VM the name of its key.
func (s *strict) named(key string, v vm.Definition) vm.Definition {
	path := VMPath(key) + ".name"
	if v.Name != "" && v.Name != key {
		s.say(CodeName, path, s.sources.At(path), "leave name out: in a declaration the key is the name", "the name %q is not the key %q", tree.Shorten(v.Name), tree.Shorten(key))
	}
	v.Name = key
	return v
}
