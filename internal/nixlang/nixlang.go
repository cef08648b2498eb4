package nixlang

import (
	"context"
	"io/fs"
	"path"
)

// Options say what an evaluation may see and use.
type Options struct {
	// Files is the declared folder; nil means that no file can be read. An os.Root's FS keeps
	// symbolic links inside it, os.DirFS does not.
	Files fs.FS
	// Folder is how positions and messages name the declared folder; empty for bare file names.
	Folder string
	// Base is the absolute name of the declared folder in path values. Empty means "/": then
	// absolute paths are meant inside the folder too.
	Base string
	// Limits are the defaults where they are zero.
	Limits Limits
	// Trace receives what builtins.trace says; nil drops it.
	Trace func(string)
}

// Value is the result of an evaluation, known as far as its outermost form: parts of sets and lists
// may still be delayed. Its methods evaluate them and go on counting against the same limits. It
// is not for use by two goroutines at once.
type Value struct {
	m *machine
	v *value
	// at is where the value was written.
	at pos
}

// Has reports whether v is a set that has an attribute of that name.
func (v *Value) Has(name string) bool {
	return v.v.tag == tagAttrs && v.v.attrs().get(name) != nil
}

func newMachine(opt Options) *machine {
	m := &machine{
		limits:  opt.Limits.orDefaults(),
		files:   opt.Files,
		folder:  opt.Folder,
		base:    path.Join("/", opt.Base),
		sink:    opt.Trace,
		imports: map[string]*value{},
	}
	if m.sink == nil {
		m.sink = func(string) {}
	}
	m.scope, m.globals = globalScope()
	return m
}

// begin starts a call from outside: the depth counts from zero again.
func (m *machine) begin(ctx context.Context) {
	m.ctx, m.depth = ctx, 0
}

// EvalFile evaluates the file name, a slash-separated path inside opt.Files. A function is
// returned as it is: see Module.
func EvalFile(ctx context.Context, name string, opt Options) (*Value, error) {
	if opt.Files == nil || !fs.ValidPath(name) {
		return nil, invalidName(name)
	}
	m := newMachine(opt)
	m.begin(ctx)
	v, err := m.importFile(name, pos{})
	if err != nil {
		return nil, err
	}
	return &Value{m: m, v: v, at: m.start}, nil
}

// EvalString evaluates src. Positions show name; relative paths start at the declared folder.
func EvalString(ctx context.Context, name, src string, opt Options) (*Value, error) {
	m := newMachine(opt)
	m.begin(ctx)
	v, err := m.evalSource(&source{name: name, dir: m.base, text: src})
	if err != nil {
		return nil, err
	}
	return &Value{m: m, v: v, at: m.start}, nil
}
