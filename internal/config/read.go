package config

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"reflect"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Format is a form in which a declaration is written.
type Format string

// The formats. They have one shape: what one can say, the others can.
const (
	Nix  Format = "nix"
	JSON Format = "json"
	YAML Format = "yaml"
)

// FormatOf returns the format of a file by the end of its name: .nix, .json, .yaml or .yml.
func FormatOf(name string) (Format, bool) {
	switch strings.ToLower(path.Ext(name)) {
	case ".nix":
		return Nix, true
	case ".json":
		return JSON, true
	case ".yaml", ".yml":
		return YAML, true
	}
	return "", false
}

// Read reads the declaration in the file name of fsys. A Nix file may import what lies in fsys
// too, and nothing else. The error is *Problems where the file could be opened.
func Read(ctx context.Context, fsys fs.FS, name string) (Declaration, error) {
	f, err := open(fsys, name)
	if err != nil {
		return Declaration{}, err
	}
	return f.declaration(ctx)
}

// ReadString reads a declaration from text of that format. name is what positions call it; Nix text
// can import nothing.
func ReadString(ctx context.Context, format Format, name, text string) (Declaration, error) {
	return given(format, name, text).declaration(ctx)
}

// ReadVMs reads the VMs in a file: one VM alone ({ name = "web"; cpus = 2; … }), or all that a
// declaration has under hypervisor.vms, sorted by name. In both cases the source map's paths begin
// with VMPath of the VM. The error is *Problems where the file could be opened.
func ReadVMs(ctx context.Context, fsys fs.FS, name string) ([]vm.Definition, SourceMap, error) {
	f, err := open(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	return f.vms(ctx)
}

// ReadVMsString is ReadVMs for text of that format.
func ReadVMsString(ctx context.Context, format Format, name, text string) ([]vm.Definition, SourceMap, error) {
	return given(format, name, text).vms(ctx)
}

// file is a text to read, and the folder that it stands in.
type file struct {
	name   string
	format Format
	text   string
	fsys   fs.FS // nil for text alone
}

func given(format Format, name, text string) file {
	return file{name: name, format: format, text: text}
}

func open(fsys fs.FS, name string) (file, error) {
	format, ok := FormatOf(name)
	if !ok {
		return file{}, fault.New(fault.Unreadable, "cannot tell what %q is written in", name).Try("name it .nix, .json, .yaml or .yml")
	}
	text, err := load(fsys, name)
	if err != nil {
		return file{}, fault.New(kindOf(err), "cannot read %q", name).Because(err)
	}
	return file{name: name, format: format, text: text, fsys: fsys}, nil
}

// kindOf gives a file system's error its kind.
func kindOf(err error) fault.Kind {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.NotFound
	case errors.Is(err, fs.ErrPermission):
		return fault.Denied
	}
	return fault.Unreadable
}

// load reads one byte more than it takes, so that a file that is too large is noticed.
func load(fsys fs.FS, name string) (text string, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return string(b), err
}

// tree reads the file by its format.
func (f file) tree(ctx context.Context) (node, error) {
	if len(f.text) > maxFile {
		return node{}, f.problems(fault.Unreadable, []Problem{{Code: CodeBounds, What: "has more than 1MiB", Position: node{}.at}})
	}
	var root node
	var found []Problem
	switch f.format {
	case Nix:
		return f.nix(ctx)
	case JSON:
		root, found = readJSON(f.name, f.text)
	case YAML:
		root, found = readYAML(f.name, f.text)
	default:
		return node{}, fault.New(fault.Invalid, "there is no format %q", string(f.format)).Try("use nix, json or yaml")
	}
	if len(found) > 0 {
		return node{}, f.problems(fault.Unreadable, found)
	}
	return root, nil
}

// problems is the error of what was found, with the lines it stands on.
func (f file) problems(kind fault.Kind, found []Problem) error {
	p := newProblems(kind, f.name, found)
	for i := range p.List {
		if p.List[i].Excerpt == "" {
			p.List[i].Excerpt = texts(f.source).excerpt(p.List[i].Position)
		}
	}
	return p
}

// source returns the text of a file that a position names.
func (f file) source(name string) string {
	if name == f.name {
		return f.text
	}
	if f.fsys == nil {
		return ""
	}
	text, err := load(f.fsys, name)
	if err != nil {
		return "" // the problem is told without its line
	}
	return text
}

func (f file) declaration(ctx context.Context) (Declaration, error) {
	root, err := f.tree(ctx)
	if err != nil {
		return Declaration{}, err
	}
	d, found := understand(root)
	if len(found) > 0 {
		return Declaration{}, f.problems(fault.Invalid, found)
	}
	return d, nil
}

func (f file) vms(ctx context.Context) ([]vm.Definition, SourceMap, error) {
	root, err := f.tree(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, whole := root.find("hypervisor"); whole || root.kind != kindObject {
		d, found := understand(root)
		if len(found) == 0 && len(d.VMs) == 0 {
			found = []Problem{{Code: CodeType, Path: "hypervisor.vms", Position: root.at, What: "declares no VM", Hint: "add hypervisor.vms.NAME"}}
		}
		if len(found) > 0 {
			return nil, nil, f.problems(fault.Invalid, found)
		}
		var all []vm.Definition
		for _, name := range d.Names() {
			all = append(all, d.VMs[name])
		}
		return all, d.Sources, nil
	}
	return f.oneVM(root)
}

func (f file) oneVM(root node) ([]vm.Definition, SourceMap, error) {
	s := &strict{sources: SourceMap{}}
	var one vm.Definition
	s.fill(vmShape(), "", root, reflect.ValueOf(&one).Elem())
	if len(s.found) > 0 {
		return nil, nil, f.problems(fault.Invalid, s.found)
	}
	sources := SourceMap{VMPath(one.Name): root.at}
	for path, at := range s.sources {
		sources[VMPath(one.Name)+"."+path] = at
	}
	return []vm.Definition{one}, sources, nil
}

// document fills a whole file, and tells apart the mistakes of its outermost keys.
func (s *strict) document(root node, into *document) {
	if root.kind == kindObject && looksLikeVM(root) {
		s.say(CodeUnknown, "", root.at, "hv vm create -f FILE, or put it under hypervisor.vms.NAME", "this is one VM, not the declaration of a host")
		return
	}
	s.fill(theShape(), "", root, reflect.ValueOf(into).Elem())
}

// looksLikeVM reports whether all keys of root are a VM's.
func looksLikeVM(root node) bool {
	for _, m := range root.members {
		if _, ok := vmShape().field(m.name); !ok {
			return false
		}
	}
	return len(root.members) > 0
}
