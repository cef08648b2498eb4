package tree

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func seed(f *testing.F, pattern string) {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatal(err, "no seeds")
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
}

// plain is n as encoding/json decodes it with UseNumber.
func plain(n Node) any {
	switch n.Kind {
	case Flag:
		return n.Flag
	case Whole, Fraction:
		return json.Number(n.Text)
	case Text, Path:
		return n.Text
	case List:
		out := []any{}
		for _, item := range n.Items {
			out = append(out, plain(item))
		}
		return out
	case Object:
		out := map[string]any{}
		for _, m := range n.Members {
			out[m.Name] = plain(m.Value)
		}
		return out
	case Null:
	}
	return nil
}

// bounded fails for a tree that is larger than any reader may make one, or has a place outside src.
func bounded(t *testing.T, n Node, src string) {
	t.Helper()
	lines, nodes := strings.Count(src, "\n")+strings.Count(src, "\r")+1, 0 // YAML ends lines with either
	var walk func(Node, int)
	walk = func(n Node, depth int) {
		nodes++
		if depth > MaxDepth || nodes > MaxNodes {
			t.Fatalf("the tree has %d values, %d deep", nodes, depth)
		}
		if n.At.Line < 1 || n.At.Line > lines || n.At.Column < 1 {
			t.Fatalf("a value stands at %s of %d lines", n.At, lines)
		}
		for _, item := range n.Items {
			walk(item, depth+1)
		}
		for _, m := range n.Members {
			walk(m.Value, depth+1)
		}
	}
	walk(n, 1)
}

func FuzzJSON(f *testing.F) {
	seed(f, "../testdata/refused/*.json")
	seed(f, "../../../examples/*.json")
	f.Add(`{"a": [1, -2.5e3, "\u00e4\ud83d\ude00", true, null, {}]}`)
	f.Fuzz(func(t *testing.T, src string) {
		root, found := ReadJSON("x", src)
		valid := json.Valid([]byte(src))
		if len(found) > 0 {
			for _, p := range found {
				if valid && p.Code == CodeSyntax && !strings.Contains(p.What, "Unicode") && !strings.Contains(p.What, "UTF-8") {
					t.Fatalf("valid JSON is refused: %s", p)
				}
				texts(func(string) string { return src }).excerpt(p.Position)
			}
			return
		}
		if !valid {
			t.Fatal("what is no JSON was read")
		}
		bounded(t, root, src)
		d := json.NewDecoder(bytes.NewReader([]byte(src)))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, plain(root)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzYAML(f *testing.F) {
	seed(f, "../testdata/refused/*.yaml")
	seed(f, "../../../examples/*.yaml")
	f.Add("a: &x [1, *x]\n? b\n: |2-\n   c\n--- !t {d: 'e'}\n...\n")
	f.Fuzz(func(t *testing.T, src string) {
		root, found := readYAML("x", src)
		for _, p := range found {
			texts(func(string) string { return src }).excerpt(p.Position)
		}
		if len(found) == 0 {
			bounded(t, root, src)
		}
	})
}
