package config

import (
	"context"
	"io/fs"
	"reflect"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Format is a form in which a declaration is written.
type Format = tree.Format

// The formats. They have one shape: what one can say, the others can.
const (
	Nix  = tree.Nix
	JSON = tree.JSON
	YAML = tree.YAML
)

// Problem is one thing that keeps a file from being read.
type Problem = tree.Problem

// Problems is the error of a file that cannot be read: all of them, sorted by place. Detail tells
// them to a person.
type Problems = tree.Problems

// Excerpt is the line of a file's text at a place, with a caret below it; empty where there is none.
func Excerpt(text string, at finding.Position) string { return tree.Excerpt(text, at) }

// Read reads the declaration in the file name of fsys. A Nix file may import what lies in fsys
// too, and nothing else. The error is *Problems where the file could be opened.
func Read(ctx context.Context, fsys fs.FS, name string) (Declaration, error) {
	f, err := tree.Open(fsys, name)
	if err != nil {
		return Declaration{}, err
	}
	return declaration(ctx, f)
}

// ReadString reads a declaration from text of that format. name is what positions call it; Nix text
// can import nothing.
func ReadString(ctx context.Context, format Format, name, text string) (Declaration, error) {
	return declaration(ctx, tree.File{Name: name, Format: format, Text: text})
}

// ReadVMs reads the VMs in a file: one VM alone ({ name = "web"; cpus = 2; … }), or all that a
// declaration has under hypervisor.vms, sorted by name. In both cases the source map's paths begin
// with VMPath of the VM. The error is *Problems where the file could be opened.
func ReadVMs(ctx context.Context, fsys fs.FS, name string) ([]vm.Definition, SourceMap, error) {
	f, err := tree.Open(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	return vms(ctx, f)
}

// ReadVMsString is ReadVMs for text of that format.
func ReadVMsString(ctx context.Context, format Format, name, text string) ([]vm.Definition, SourceMap, error) {
	return vms(ctx, tree.File{Name: name, Format: format, Text: text})
}

func declaration(ctx context.Context, f tree.File) (Declaration, error) {
	f.Options = Options()
	root, err := f.Read(ctx)
	if err != nil {
		return Declaration{}, err
	}
	d, found := understand(root)
	if len(found) > 0 {
		return Declaration{}, f.Problems(fault.Invalid, found)
	}
	return d, nil
}

func vms(ctx context.Context, f tree.File) ([]vm.Definition, SourceMap, error) {
	f.Options = Options()
	root, err := f.Read(ctx)
	if err != nil {
		return nil, nil, err
	}
	if root.Has("hypervisor") || root.Kind != tree.Object {
		d, found := understand(root)
		if len(found) == 0 && len(d.VMs) == 0 {
			found = []Problem{{Code: CodeType, Path: "hypervisor.vms", Position: root.At, What: "declares no VM", Hint: "add hypervisor.vms.NAME"}}
		}
		if len(found) > 0 {
			return nil, nil, f.Problems(fault.Invalid, found)
		}
		var all []vm.Definition
		for _, name := range d.Names() {
			all = append(all, d.VMs[name])
		}
		return all, d.Sources, nil
	}
	return oneVM(f, root)
}

func oneVM(f tree.File, root tree.Node) ([]vm.Definition, SourceMap, error) {
	s := &strict{sources: SourceMap{}}
	var one vm.Definition
	s.fill(vmShape(), "", root, reflect.ValueOf(&one).Elem())
	if len(s.found) > 0 {
		return nil, nil, f.Problems(fault.Invalid, s.found)
	}
	sources := SourceMap{VMPath(one.Name): root.At}
	for path, at := range s.sources {
		sources[VMPath(one.Name)+"."+path] = at
	}
	return []vm.Definition{one}, sources, nil
}

// document fills a whole file, and tells apart the mistakes of its outermost keys.
func (s *strict) document(root tree.Node, into *document) {
	if root.Kind == tree.Object && looksLikeVM(root) {
		s.say(CodeUnknown, "", root.At, "hv vm create -f FILE, or put it under hypervisor.vms.NAME", "this is one VM, not the declaration of a host")
		return
	}
	s.fill(theShape(), "", root, reflect.ValueOf(into).Elem())
}

// looksLikeVM reports whether all keys of root are a VM's.
func looksLikeVM(root tree.Node) bool {
	for _, m := range root.Members {
		if _, ok := vmShape().field(m.Name); !ok {
			return false
		}
	}
	return len(root.Members) > 0
}
