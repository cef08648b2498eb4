package declaration

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// folder is the folder that a file stands in. Nothing outside of it is read, through links neither.
type folder struct {
	root *os.Root
	dir  string // as the user wrote it
	file string // the file's name in it
}

func openFolder(path string) (*folder, error) {
	dir, file := filepath.Split(path)
	if file == "" {
		return nil, fault.New(fault.Unreadable, "cannot read %s", path).Because(fault.New(fault.Unreadable, "it is a folder")).Try("name the file in it")
	}
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unreadable(path, err)
	}
	info, err := root.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fault.New(fault.Unreadable, "it is not a regular file").Try("name a file")
		if info.IsDir() {
			err = fault.New(fault.Unreadable, "it is a folder").Try("name the file in it")
		}
	}
	if err != nil {
		_ = root.Close()
		return nil, unreadable(path, err)
	}
	return &folder{root, filepath.Clean(dir), file}, nil
}

// unreadable is the error of a file that cannot be opened: a usage error, whatever the reason is.
func unreadable(path string, err error) error {
	next := "name a file that can be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		next = "name a file that is there"
	case errors.Is(err, fs.ErrPermission):
		next = "let yourself read it, or ask as somebody who may"
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	out := fault.New(fault.Unreadable, "cannot read %s", path).Because(err)
	if fault.HintOf(err) == "" {
		out = out.Try("%s", next)
	}
	return out
}

func (f *folder) close() { _ = f.root.Close() }

// place names a position as the user would: from where hv was called.
func (f *folder) place(p *finding.Position) {
	if p.File != "" && f.dir != "." {
		p.File = filepath.Join(f.dir, p.File)
	}
}

func (f *folder) sources(m config.SourceMap) {
	for path, at := range m {
		f.place(&at)
		m[path] = at
	}
}

// failed names the places in an error as the user would.
func (f *folder) failed(path string, err error) error {
	if p, ok := errors.AsType[*config.Problems](err); ok {
		p.File = path
		for i := range p.List {
			f.place(&p.List[i].Position)
		}
	}
	return err
}

// read reads the declaration in a file.
func read(ctx context.Context, path string) (config.Declaration, error) {
	f, err := openFolder(path)
	if err != nil {
		return config.Declaration{}, err
	}
	defer f.close()
	d, err := config.Read(ctx, f.root.FS(), f.file)
	if err != nil {
		return d, f.failed(path, err)
	}
	f.sources(d.Sources)
	return d, nil
}

// maxInput bounds what is read of stdin, in bytes; config has the finer bounds.
const maxInput = 2 << 20

// VMs reads the VMs in a file, with the place of each value; "-" is standard input, in JSON or YAML.
func VMs(ctx context.Context, s *session.Session, path string) ([]vm.Definition, config.SourceMap, error) {
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(s.In, maxInput))
		if err != nil {
			return nil, nil, unreadable("standard input", err)
		}
		return config.ReadVMsString(ctx, config.YAML, "-", string(text))
	}
	f, err := openFolder(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.close()
	all, sources, err := config.ReadVMs(ctx, f.root.FS(), f.file)
	if err != nil {
		return nil, nil, f.failed(path, err)
	}
	f.sources(sources)
	return all, sources, nil
}

// Locate gives findings their place in the user's file, and the line there: those of the daemon too, which knows
// the file by another name. Only files that were read are opened.
func Locate(l finding.List, sources config.SourceMap) {
	texts := map[string]string{}
	for _, at := range sources {
		texts[at.File] = ""
	}
	for i := range l {
		f := &l[i]
		if _, exact := sources[f.Path]; f.Path != "" && (exact || f.Position == (finding.Position{})) {
			f.Position = sources.At(f.Path)
		}
		text, known := texts[f.Position.File]
		if !known || f.Position.Line == 0 {
			continue
		}
		if text == "" {
			text = textOf(f.Position.File)
			texts[f.Position.File] = text
		}
		f.Excerpt = config.Excerpt(text, f.Position)
	}
}

// textOf is what stands in a file that was read before; nothing where it is gone.
func textOf(path string) string {
	f, err := openFolder(path)
	if err != nil {
		return ""
	}
	defer f.close()
	in, err := f.root.Open(f.file)
	if err != nil {
		return ""
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxInput))
	if err != nil {
		return ""
	}
	return string(text)
}
