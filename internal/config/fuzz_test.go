package config

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
func plain(n node) any {
	switch n.kind {
	case kindFlag:
		return n.flag
	case kindWhole, kindFraction:
		return json.Number(n.text)
	case kindText, kindPath:
		return n.text
	case kindList:
		out := []any{}
		for _, item := range n.items {
			out = append(out, plain(item))
		}
		return out
	case kindObject:
		out := map[string]any{}
		for _, m := range n.members {
			out[m.name] = plain(m.value)
		}
		return out
	case kindNull:
	}
	return nil
}

// bounded fails for a tree that is larger than any reader may make one, or has a place outside src.
func bounded(t *testing.T, n node, src string) {
	t.Helper()
	lines, nodes := strings.Count(src, "\n")+strings.Count(src, "\r")+1, 0 // YAML ends lines with either
	var walk func(node, int)
	walk = func(n node, depth int) {
		nodes++
		if depth > maxDepth || nodes > maxNodes {
			t.Fatalf("the tree has %d values, %d deep", nodes, depth)
		}
		if n.at.Line < 1 || n.at.Line > lines || n.at.Column < 1 {
			t.Fatalf("a value stands at %s of %d lines", n.at, lines)
		}
		for _, item := range n.items {
			walk(item, depth+1)
		}
		for _, m := range n.members {
			walk(m.value, depth+1)
		}
	}
	walk(n, 1)
}

func FuzzJSON(f *testing.F) {
	seed(f, "testdata/refused/*.json")
	seed(f, "../../examples/*.json")
	f.Add(`{"a": [1, -2.5e3, "\u00e4\ud83d\ude00", true, null, {}]}`)
	f.Fuzz(func(t *testing.T, src string) {
		root, found := readJSON("x", src)
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
		understand(root)
	})
}

func FuzzYAML(f *testing.F) {
	seed(f, "testdata/refused/*.yaml")
	seed(f, "../../examples/*.yaml")
	f.Add("a: &x [1, *x]\n? b\n: |2-\n   c\n--- !t {d: 'e'}\n...\n")
	f.Fuzz(func(t *testing.T, src string) {
		root, found := readYAML("x", src)
		for _, p := range found {
			texts(func(string) string { return src }).excerpt(p.Position)
		}
		if len(found) == 0 {
			bounded(t, root, src)
			understand(root)
		}
	})
}

func FuzzDecodeWire(f *testing.F) {
	for _, name := range []string{"home-lab.nix", "declared-vms.nix"} {
		d, err := Read(f.Context(), examples, name)
		if err != nil {
			f.Fatal(err)
		}
		data, err := d.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"version":1,"value":{"hypervisor":{"vms":{"a":{"memory":"1GiB"}}}},"files":["x"],"sources":[{"p":"","f":0,"l":1,"c":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(data)
		if err != nil {
			return
		}
		Check(d, aHost())
		again, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(again)
		if err != nil {
			t.Fatalf("what was decoded and encoded cannot be decoded: %v\n%s", err, again)
		}
		for path, at := range got.Sources {
			if d.Sources[path] != at {
				t.Fatalf("%s moved from %s to %s", path, d.Sources[path], at)
			}
		}
		d.Sources, got.Sources = nil, nil // what is empty leaves with its place
		if diff := cmp.Diff(d, got); diff != "" {
			t.Fatal(diff)
		}
		if len(Diff(d, got)) > 0 {
			t.Fatal("a declaration differs from itself")
		}
	})
}
