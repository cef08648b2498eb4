package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// wireVersion is that of the form in which a declaration travels and is kept.
const wireVersion = 1

// Bounds of the wire: MaxWire is of the whole, the others of its source map.
const (
	MaxWire  = 8 << 20
	maxFiles = 256
	maxName  = 512  // bytes of a file's name
	maxPath  = 4096 // bytes of a path; the longest that a reader makes has two keys in quotes
)

// wire is a declaration as it travels from client to daemon, and as it is kept.
type wire struct {
	Version int             `json:"version"`
	Value   json.RawMessage `json:"value"`
	Files   []string        `json:"files,omitempty"`
	Sources []wirePlace     `json:"sources,omitempty"` // sorted by path
}

// wirePlace is one entry of the source map: small, for there is one a value.
type wirePlace struct {
	Path   string `json:"p"`
	File   int    `json:"f"` // in Files
	Line   int    `json:"l"`
	Column int    `json:"c"`
}

// Encode returns d as it travels: its value and its source map. The same declaration always gives
// the same bytes.
func (d Declaration) Encode() ([]byte, error) {
	value, err := json.Marshal(d.document())
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot encode the declaration").Because(err)
	}
	w := wire{Version: wireVersion, Value: value}
	known := map[string]int{}
	for _, path := range sortedPaths(d.Sources) {
		at := d.Sources[path]
		i, ok := known[at.File]
		if !ok {
			i = len(w.Files)
			known[at.File] = i
			w.Files = append(w.Files, at.File)
		}
		w.Sources = append(w.Sources, wirePlace{Path: path, File: i, Line: at.Line, Column: at.Column})
	}
	out, err := json.Marshal(w)
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot encode the declaration").Because(err)
	}
	return out, nil
}

func sortedPaths(m SourceMap) []string {
	out := make([]string, 0, len(m))
	for path := range m {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// Decode reads what Encode wrote. Nothing in it is trusted: the value is read as strictly as a file,
// and places are bounded and stripped of control characters. The error is *Problems where the value
// says something wrong, with the places that came along.
func Decode(data []byte) (Declaration, error) {
	if len(data) > MaxWire {
		return Declaration{}, fault.New(fault.Unreadable, "the declaration has %d bytes, more than %d", len(data), MaxWire).
			Try("leave out what the host does not need").WithCode(tree.CodeBounds)
	}
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		at := ""
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = fmt.Sprintf(", at byte %d", e.Offset)
		} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			at = fmt.Sprintf(", at byte %d, %s", e.Offset, e.Field)
		}
		return Declaration{}, fault.New(fault.Unreadable, "the declaration is not in the form it travels in%s", at).Because(err).
			Try(`send {"version":%d,"value":{"hypervisor":{…}}}; GET /v1/config has the one that stands, as declaration`, wireVersion).WithCode(tree.CodeSyntax)
	}
	if w.Version != wireVersion {
		return Declaration{}, fault.New(fault.Unreadable, "the declaration has form %d, this build reads %d", w.Version, wireVersion).Try("use a client of the daemon's release").WithCode(tree.CodeSyntax)
	}
	sources, err := w.places()
	if err != nil {
		return Declaration{}, err
	}
	if len(w.Value) > tree.MaxFile {
		return Declaration{}, fault.New(fault.Unreadable, "the declaration's value has %d bytes, more than %d", len(w.Value), tree.MaxFile)
	}
	root, found := tree.ReadJSON("", string(w.Value))
	if len(found) > 0 {
		return Declaration{}, tree.NewProblems(fault.Unreadable, "the declaration", found)
	}
	d, found := understand(root)
	for i := range found {
		found[i].Position = sources.At(found[i].Path)
	}
	if len(found) > 0 {
		return Declaration{}, tree.NewProblems(fault.Invalid, "the declaration", found)
	}
	d.Sources = sources.only(d.Sources)
	return d, nil
}

// places returns the source map that came along.
func (w wire) places() (SourceMap, error) {
	if len(w.Files) > maxFiles || len(w.Sources) > tree.MaxNodes {
		return nil, fault.New(fault.Unreadable, "the declaration's source map is too large")
	}
	out := make(SourceMap, len(w.Sources))
	for _, s := range w.Sources {
		if s.File < 0 || s.File >= len(w.Files) || s.Line < 0 || s.Column < 0 || len(s.Path) > maxPath {
			return nil, fault.New(fault.Unreadable, "the declaration's source map names a place that cannot be")
		}
		out[s.Path] = finding.Position{File: printable(w.Files[s.File]), Line: s.Line, Column: s.Column}
	}
	return out, nil
}

// only keeps the places of paths that exist.
func (m SourceMap) only(paths SourceMap) SourceMap {
	out := make(SourceMap, len(paths))
	for path := range paths {
		if at, ok := m[path]; ok {
			out[path] = at
		}
	}
	return out
}

// printable is a file's name without what a terminal would obey.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if tree.Control(r) || r == '\n' || r == '\t' || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
