// Package specification is the ledger of the product's specification: each of its statements, the tests that show
// its behaviour, and how far it is true.
//
// What lives here: the claims, one rule a statement or a few alike (claims_*.go), and what docs/specification.md is
// made of. What does not: the statements themselves (internal/feature/matrix/testdata) and the tests.
//
// A claim is proven when a user gets what the statement says, partial when some of it can be had and shown, and else
// not yet. The tests of this package hold each claim to the sources: what is named exists, what is proven is run.
package specification

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// State is how far a statement is true.
type State string

// The states.
const (
	Proven  State = "proven"
	Partial State = "partial"
	NotYet  State = "not yet"
)

// Claim is what is said of the statements whose id matches.
type Claim struct {
	IDs   string // a pattern of path.Match; the first claim that matches a statement is its own
	Mark  string // only statements with this mark; empty: any
	State State
	Tests []string // folder:Test
	Lacks string   // of a partial one: what is not shown
	With  string   // what brings the rest
}

// Statement is one statement of the specification.
type Statement struct {
	ID    string // "pair/web-dashboard/api"
	Kind  string // cell, line, tree, config
	Where string // the heading that it stands under
	Says  string // in one line
	Mark  string // ✅, ⚠️, ❌, -; a word for a load; empty for trees and configurations
	Row   string // of a cell
	Col   string
}

// Read reads the transcription.
func Read(data string) ([]Statement, error) {
	var out []Statement
	for line := range strings.Lines(data) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) < 4 {
			return nil, fmt.Errorf("%q is no statement", line)
		}
		s := Statement{Kind: f[0], ID: f[1], Where: f[2]}
		switch s.Kind {
		case "cell":
			s.Row, s.Col, s.Mark = f[3], f[4], f[5]
			s.Says = fmt.Sprintf("%s × %s: %s", s.Row, s.Col, s.Mark)
		case "line":
			s.Mark, s.Says = f[4], f[4]+" "+f[3]
		case "tree":
			s.Says = strings.TrimLeft(f[3], "│├└─ ")
		case "config":
			var nix string
			if err := json.Unmarshal([]byte(f[3]), &nix); err != nil {
				return nil, err
			}
			s.Says = f[2] + ", as it is written, resolves and is applied"
		}
		out = append(out, s)
	}
	return out, nil
}

// Of returns the claim for a statement, and its place among all; -1 where there is none.
func Of(s Statement) (Claim, int) {
	for i, c := range Claims() {
		if ok, err := path.Match(c.IDs, s.ID); err == nil && ok && (c.Mark == "" || c.Mark == s.Mark) {
			return c, i
		}
	}
	return Claim{}, -1
}
