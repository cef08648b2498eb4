package hypernixos_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// symbol is what docs/how-a-vm-starts.md names: a folder, then a function, a type, a method or a
// constant in it.
var symbol = regexp.MustCompile("`((?:internal|cmd|client|model|wire)/[a-z/-]+)\\.([A-Z][A-Za-z]*(?:\\.[A-Za-z]+)?)`")

func TestTheHopsOfAStartAreWhereThePageSaysTheyAre(t *testing.T) {
	page, err := os.ReadFile("docs/how-a-vm-starts.md")
	if err != nil {
		t.Fatal(err)
	}
	named := symbol.FindAllStringSubmatch(string(page), -1)
	if len(named) < 12 {
		t.Fatalf("only %d symbols are named: is their form still `folder.Symbol`?", len(named))
	}
	for _, m := range named {
		if !declares(t, m[1], m[2]) {
			t.Errorf("docs/how-a-vm-starts.md names %s in %s, which has no such thing", m[2], m[1])
		}
	}
	for _, room := range []string{"client", "internal/api/rest", "internal/action", "internal/store", "internal/reconcile", "internal/plan", "internal/qemu", "internal/helper"} {
		if !strings.Contains(string(page), "`"+room) {
			t.Errorf("the page leaves out %s, through which every start goes", room)
		}
	}
}

// declares reports whether the package in dir declares name, which may be Type.Method.
func declares(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if declared(d)[name] {
				return true
			}
		}
	}
	return false
}

// declared returns the names that one declaration makes.
func declared(d ast.Decl) map[string]bool {
	out := map[string]bool{}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			out[d.Name.Name] = true
			break
		}
		receiver := d.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if id, ok := receiver.(*ast.Ident); ok {
			out[id.Name+"."+d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				out[s.Name.Name] = true
			case *ast.ValueSpec:
				for _, n := range s.Names {
					out[n.Name] = true
				}
			}
		}
	}
	return out
}
