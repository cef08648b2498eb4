package nixlang

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func seed(f *testing.F) {
	f.Helper()
	for _, name := range []string{evaluationsFile, erroneousFile} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for block := range strings.SplitSeq(string(text), between) {
			expr, _, _ := strings.Cut(block, "==> ")
			f.Add(expr)
		}
	}
	f.Add(farm)
	f.Add(libText)
}

// checkError wants every error to be one of ours, of a kind that blames the input.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if k := fault.KindOf(err); k != fault.Unreadable && k != fault.Invalid {
		t.Errorf("kind %v: %v", k, err)
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.Detail() == "" {
		t.Errorf("not an *Error: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		tree, err := parsed(src)
		checkError(t, err)
		if err == nil && len(src) < 1000 { // what is printed is longer, and may reach a limit
			readBack(t, printed(tree))
		}
	})
}

func FuzzEval(f *testing.F) {
	seed(f)
	files := fstest.MapFS{
		"a.nix": {Data: []byte("{ x = 1; }")}, "lib/add.nix": {Data: []byte("x: y: x + y")},
		"hello.txt": {Data: []byte("hello")}, "sub/default.nix": {Data: []byte("import ../a.nix")},
	}
	limits := Limits{Steps: 50_000, Memory: 8 << 20, Depth: 2000, Nesting: 200, Files: 5}
	f.Fuzz(func(t *testing.T, src string) {
		ctx := context.Background()
		v, err := EvalString(ctx, "x", src, Options{Files: files, Limits: limits})
		if err != nil {
			checkError(t, err)
			return
		}
		m, err := Module(ctx, v, someOptions)
		checkError(t, err)
		if err == nil {
			_, err = m.Deep(ctx)
			checkError(t, err)
		}
		for _, strict := range []bool{false, true} {
			_, err = v.Nix(ctx, strict)
			checkError(t, err)
		}
		_, err = v.JSON(ctx)
		checkError(t, err)
	})
}
