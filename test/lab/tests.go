package lab

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Package is a Go package with tests for a lab.
type Package struct {
	Dir   string   // relative to the module
	Tests []string // the names of those that the tag brings; the package's other tests have been run elsewhere
}

// Find returns the packages below root that have tests which a build tag brings in, in order.
func Find(root, tag string) ([]Package, error) {
	found := map[string][]string{}
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || slices.Contains([]string{"bin", "dist", "testdata", "node_modules"}, d.Name())) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil || !broughtBy(string(text), tag) {
			return err
		}
		tests, err := testNames(name, text)
		if err != nil {
			return err
		}
		found[path.Dir(name)] = append(found[path.Dir(name)], tests...)
		return nil
	})
	var packages []Package
	for dir, tests := range found {
		if len(tests) > 0 {
			packages = append(packages, Package{dir, tests})
		}
	}
	slices.SortFunc(packages, func(a, b Package) int { return strings.Compare(a.Dir, b.Dir) })
	return packages, err
}

// broughtBy reports whether a Go file is built with a tag and is not without it.
func broughtBy(text, tag string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "package ") {
			return false
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		rule, err := constraint.Parse(strings.TrimSpace(line))
		if err != nil {
			return false // the compiler says so better
		}
		with := func(word string) bool { return slices.Contains([]string{tag, "linux", "amd64", "unix"}, word) }
		without := func(word string) bool { return word != tag && with(word) }
		return rule.Eval(with) && !rule.Eval(without)
	}
	return false
}

// testNames are the names of a file's tests.
func testNames(name string, text []byte) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// compile builds a package's tests as they travel: static, because the lab's libraries may be others. It puts
// them into the folder as the checkout has it, with the package's testdata and the pattern of their names.
func (p Package) compile(ctx context.Context, root, tag, checkout string) error {
	dir := filepath.Join(checkout, p.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-tags", tag, "-o", filepath.Join(dir, "lab.test"), "./"+p.Dir)
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot compile the tests of %s: %w\n%s", p.Dir, err, out)
	}
	pattern := "^(" + strings.Join(p.Tests, "|") + ")$"
	if err := os.WriteFile(filepath.Join(dir, "lab.run"), []byte(pattern), 0o644); err != nil {
		return err
	}
	return copyTree(filepath.Join(root, p.Dir, "testdata"), filepath.Join(dir, "testdata"))
}

// copyTree copies a folder; one that is not there is nothing to copy.
func copyTree(from, to string) error {
	err := os.CopyFS(to, os.DirFS(from))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
