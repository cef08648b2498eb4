package tree

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// Format is a form in which values are written.
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

// File is a text to read.
type File struct {
	Name   string // as positions show it
	Format Format
	Text   string
	Folder fs.FS // that Nix may import from; Name is in it. nil for a text alone
	// Options says how the definitions of several Nix modules come together; nil where nothing is known.
	Options *nixlang.Option
}

// Open loads the file of that name. The error is fault.NotFound, Denied or Unreadable.
func Open(fsys fs.FS, name string) (File, error) {
	format, ok := FormatOf(name)
	if !ok {
		return File{}, fault.New(fault.Unreadable, "cannot tell what %q is written in", name).Try("name it .nix, .json, .yaml or .yml")
	}
	text, err := load(fsys, name)
	if err != nil {
		return File{}, fault.New(kindOf(err), "cannot read %q", name).Because(err)
	}
	return File{Name: name, Format: format, Text: text, Folder: fsys}, nil
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

// load reads one byte more than is taken, so that a file that is too large is noticed.
func load(fsys fs.FS, name string) (text string, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	return string(b), err
}

// Read reads the file by its format. The error is *Problems where the text is to blame.
func (f File) Read(ctx context.Context) (Node, error) {
	if len(f.Text) > MaxFile {
		return Node{}, f.Problems(fault.Unreadable, []Problem{{Code: CodeBounds, What: f.Name + " has more than 1MiB"}})
	}
	var root Node
	var found []Problem
	switch f.Format {
	case Nix:
		return f.readNix(ctx)
	case JSON:
		root, found = ReadJSON(f.Name, f.Text)
	case YAML:
		root, found = readYAML(f.Name, f.Text)
	default:
		return Node{}, fault.New(fault.Invalid, "there is no format %q", string(f.Format)).Try("use nix, json or yaml")
	}
	if len(found) > 0 {
		return Node{}, f.Problems(fault.Unreadable, found)
	}
	return root, nil
}

// Problems is the error of what was found in f, sorted by place, each with the line it stands on.
func (f File) Problems(kind fault.Kind, found []Problem) error {
	p := NewProblems(kind, f.Name, found)
	for i := range p.List {
		if p.List[i].Excerpt == "" {
			p.List[i].Excerpt = texts(f.source).excerpt(p.List[i].Position)
		}
	}
	return p
}

// source returns the text of a file that a position names.
func (f File) source(name string) string {
	if name == f.Name {
		return f.Text
	}
	if f.Folder == nil {
		return ""
	}
	text, err := load(f.Folder, name)
	if err != nil {
		return "" // the problem is told without its line
	}
	return text
}
