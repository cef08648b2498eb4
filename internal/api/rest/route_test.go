//go:build linux

package rest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
)

func TestEveryActionHasOneRouteAndEveryRouteItsAction(t *testing.T) {
	s := newServer(Config{Version: "test"})
	var want, have, paths []string
	for _, row := range action.Table() {
		want = append(want, row.Name()+" "+row.Method()+" "+row.Path())
	}
	for _, row := range s.rows {
		have = append(have, row.Name()+" "+row.Method()+" "+row.Path())
	}
	slices.Sort(want)
	slices.Sort(have)
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("routes (-table +routes):\n%s", d)
	}
	for path, item := range s.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op != nil {
				paths = append(paths, method+" "+path)
			}
		}
	}
	if len(paths) != len(want) {
		t.Errorf("%d paths are described, %d are in the table", len(paths), len(want))
	}
}

// fresh holds a file that is made from the code against what the code makes now.
func fresh(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "..", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is stale: go test ./internal/api/rest -update\n%s", name, cmp.Diff(string(want), string(got)))
	}
}

func TestTheDescriptionOfTheAPIIsThatOfTheRunningOne(t *testing.T) {
	h := newHouse(t, member)
	if got := h.ask("GET", "/v1/openapi.json", ""); got.status != 200 || !strings.Contains(got.body, `"openapi":"3.1.0"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	text, err := h.server.api.OpenAPI().YAML()
	h.must(err)
	fresh(t, "wire/openapi.yaml", append([]byte("# Made from the routes: go test ./internal/api/rest -update\n"), text...))
}

func TestTheListOfActionsIsThatOfTheTable(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Actions

Made from the action table by ` + "`go test ./internal/api/rest -update`" + `.

Everything that can be asked of a daemon, by any way. *Who*: members are the users in the group
` + "`hypervisor`" + `. *Feature*: the one that has to be on; the core ones always are. *Hardened*: whether a hardened
host does it ([hardening.md](hardening.md)), and by its class. *Dry run*: its plan can be asked for. *Wish*:
a level wish stays true until a newer one takes its place, an edge wish happens once, a read changes
nothing.

| Action | What | Who | Feature | Hardened | Dry run | Wish | Route |
|---|---|---|---|---|---|---|---|
`)
	for _, r := range action.Table() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | `%s %s` |\n", r.Name(), r.What(), r.Access(), r.Feature(),
			hardened(r), yesNo(r.DryRun()), r.Wish(), r.Method(), r.Path())
	}
	fresh(t, "docs/actions.md", []byte(b.String()))
}

func hardened(r action.Row) string {
	if only := r.Class().Only(); only != "" {
		return fmt.Sprintf("%s (%s): only %s", r.Hardened(), r.Class(), only)
	}
	return fmt.Sprintf("%s (%s)", r.Hardened(), r.Class())
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
