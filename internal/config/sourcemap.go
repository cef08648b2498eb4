package config

import (
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// SourceMap says where each path of a declaration stands in its owner's files:
// "hypervisor.vms.web.memory", "hypervisor.featureManager.enabledFeatures[2]". A key that is no
// plain word stands in quotes: hypervisor.vms.web.labels."example.org/tier".
type SourceMap map[string]finding.Position

// At returns where path stands, or else the nearest thing around it that has a place.
func (m SourceMap) At(path string) finding.Position {
	for path != "" {
		if p, ok := m[path]; ok {
			return p
		}
		path = parent(path)
	}
	return m[""]
}

// Renamed returns m with the files that it names called otherwise: a declaration that is kept is read from other
// folders than that in which it was written.
func (m SourceMap) Renamed(name func(file string) string) SourceMap {
	out := make(SourceMap, len(m))
	for path, at := range m {
		if at.File != "" {
			at.File = name(at.File)
		}
		out[path] = at
	}
	return out
}

// parent is the path of what holds path, "" for a top-level key.
func parent(path string) string {
	if strings.HasSuffix(path, "]") {
		return path[:max(strings.LastIndexByte(path, '['), 0)]
	}
	if strings.HasSuffix(path, `"`) {
		if i := strings.LastIndex(path, `."`); i > 0 {
			return path[:i]
		}
		return ""
	}
	return path[:max(strings.LastIndexByte(path, '.'), 0)]
}

// VMPath is the path of the VM of that name, which SourceMap and findings use also where a file
// holds one VM alone.
func VMPath(name string) string { return "hypervisor.vms." + quoteKey(name) }

// key is the path of a key in what stands at path.
func keyPath(path, name string) string { return join(path, quoteKey(name)) }

func itemPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// quoteKey puts a key in quotes that a path could not tell from its own dots and brackets.
func quoteKey(name string) string {
	if name != "" && len(name) <= 64 && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0 {
		return name
	}
	return strconv.Quote(tree.Shorten(name))
}
