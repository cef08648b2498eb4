package specification

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Folder is the functions of one folder's tests, as their sources have them.
type Folder struct {
	files map[string]string          // function → its file
	calls map[string]map[string]bool // function → the functions of the folder that it calls
	skips map[string]bool            // functions that skip, in their own body
	tags  map[string]string          // function → the build constraint of its file
}

// ReadFolder parses the test files of a folder.
func ReadFolder(tree fs.FS, folder string) (*Folder, error) {
	names, err := fs.Glob(tree, path.Join(folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	f := &Folder{files: map[string]string{}, calls: map[string]map[string]bool{}, skips: map[string]bool{}, tags: map[string]string{}}
	for _, name := range names {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return nil, err
		}
		f.add(name, parsed)
	}
	return f, nil
}

func (f *Folder) add(name string, file *ast.File) {
	tag := ""
	for _, group := range file.Comments {
		for _, c := range group.List {
			if c.Pos() < file.Package && constraint.IsGoBuild(c.Text) {
				tag = strings.TrimSpace(strings.TrimPrefix(c.Text, "//go:build"))
			}
		}
	}
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		key := fn.Name.Name
		f.files[key], f.tags[key] = name, tag
		f.calls[key] = map[string]bool{}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				f.calls[key][fun.Name] = true
			case *ast.SelectorExpr:
				f.calls[key][fun.Sel.Name] = true
				if slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, fun.Sel.Name) {
					f.skips[key] = true
				}
			}
			return true
		})
	}
}

// File is the file of a test; empty where there is no such test.
func (f *Folder) File(test string) string { return f.files[test] }

// Skipped reports whether a test may be skipped where its suite runs, and by which function. Suites with a tag of
// their own (e2e, lab) skip as a whole on a machine that has not what they are made for (root, QEMU): there only what
// the test itself says counts. Elsewhere a skip counts however far down it is.
func (f *Folder) Skipped(test string) (by string, skipped bool) {
	if f.skips[test] {
		return test, true
	}
	if tag := f.tags[test]; strings.Contains(tag, "e2e") || strings.Contains(tag, "lab") {
		return "", false
	}
	seen, todo := map[string]bool{test: true}, []string{test}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if f.skips[at] {
			return at, true
		}
		for _, next := range slices.Sorted(maps.Keys(f.calls[at])) {
			if _, own := f.files[next]; own && !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return "", false
}
