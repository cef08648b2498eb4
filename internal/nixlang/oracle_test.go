package nixlang

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	update = flag.Bool("update", false, "write golden files anew")
	oracle = flag.Bool("oracle", false, "record testdata/evaluations.txt anew from nix-instantiate")
)

// evaluation is one expression with what Nix 2.8 prints for it: with --strict, without, as JSON.
// An error is recorded as such, its words are our own.
type evaluation struct{ expr, strict, lazy, json string }

const (
	evaluationsFile = "testdata/evaluations.txt"
	between         = "----\n"
	folderBase      = "/folder"
)

func readEvaluations(t *testing.T) []evaluation {
	t.Helper()
	text, err := os.ReadFile(evaluationsFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []evaluation
	for block := range strings.SplitSeq(string(text), between) {
		e := evaluation{}
		expr, results, _ := strings.Cut(block, "==> ")
		e.expr = strings.TrimSuffix(expr, "\n")
		e.strict, results, _ = strings.Cut(results, "\n-=> ")
		e.lazy, results, _ = strings.Cut(results, "\nj=> ")
		e.json = strings.TrimSuffix(results, "\n")
		all = append(all, e)
	}
	return all
}

func TestValuesAreThoseOfNix(t *testing.T) {
	if *oracle {
		record(t)
	}
	opt := Options{Files: os.DirFS("testdata/folder"), Base: folderBase}
	for _, e := range readEvaluations(t) {
		strict, lazy, json := evaluated(e.expr, opt)
		if strict != e.strict {
			t.Errorf("%s\n strict: %s\n want:   %s", e.expr, strict, e.strict)
		}
		if lazy != e.lazy {
			t.Errorf("%s\n lazy: %s\n want: %s", e.expr, lazy, e.lazy)
		}
		if json != e.json && !namesPath(e) {
			t.Errorf("%s\n json: %s\n want: %s", e.expr, json, e.json)
		}
	}
}

func evaluated(expr string, opt Options) (strict, lazy, json string) {
	ctx := context.Background()
	text := func(s string, err error) string {
		if err != nil {
			return "error"
		}
		return s
	}
	v, err := EvalString(ctx, "x", expr, opt)
	if err != nil {
		return "error", "error", "error"
	}
	lazy = text(v.Nix(ctx, false))
	strict = text(v.Nix(ctx, true))
	j, err := v.JSON(ctx)
	return strict, lazy, text(string(j), err)
}

// namesPath reports whether e's value holds a path: Nix would copy it to its store for JSON, here
// it is its name.
func namesPath(e evaluation) bool { return strings.Contains(" "+e.strict, " /") }

// byNix is what Nix itself prints for an expression, or "error". args say in which form.
func byNix(t *testing.T, expr string, args ...string) string {
	t.Helper()
	folder, err := filepath.Abs("testdata/folder")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "nix-instantiate", append([]string{"--store", "dummy://", "--eval"}, args...)...)
	c.Args = append(c.Args, "-")
	c.Dir, c.Stdin = folder, strings.NewReader(expr)
	got, err := c.Output()
	if err != nil {
		return "error"
	}
	return strings.ReplaceAll(strings.TrimSuffix(string(got), "\n"), folder, folderBase)
}

// record asks nix-instantiate for every expression of the table.
func record(t *testing.T) {
	t.Helper()
	var out []string
	for _, e := range readEvaluations(t) {
		out = append(out, e.expr+"\n==> "+byNix(t, e.expr, "--strict")+"\n-=> "+byNix(t, e.expr)+"\nj=> "+byNix(t, e.expr, "--strict", "--json")+"\n")
	}
	if err := os.WriteFile(evaluationsFile, []byte(strings.Join(out, between)), 0o600); err != nil {
		t.Fatal(err)
	}
}
