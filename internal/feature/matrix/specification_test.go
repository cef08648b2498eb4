package matrix

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

// statement is one statement of the specification, as a reader of a document finds it: "cell", where it stands, and
// what it says. testdata/specification.tsv is the specification transcribed, not made from the data.
type statement struct {
	id, kind, text string
}

func specification(t *testing.T) []statement {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "specification.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var all []statement
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if f[0] == "config" {
			if err := json.Unmarshal([]byte(f[3]), &f[3]); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, statement{f[1], f[0], strings.Join(f[2:], " | ")})
	}
	return all
}

func TestTheSpecificationIsTranscribedWhole(t *testing.T) {
	counts, ids := map[string]int{}, map[string]bool{}
	for _, s := range specification(t) {
		counts[s.kind]++
		if ids[s.id] {
			t.Errorf("%s is there twice", s.id)
		}
		ids[s.id] = true
	}
	if d := cmp.Diff(map[string]int{"cell": 164, "line": 37, "tree": 21, "config": 4}, counts); d != "" {
		t.Errorf("the specification has 164 cells, 37 list lines, 21 tree lines, four configurations (-want +got):\n%s", d)
	}
}

func document() Document { return New(catalogue.Default(), version.Release) }

// Each form is read back by a reader of its own, which knows nothing of the data: every cell of every table, every
// line of every list and tree and every configuration must be the specification's, in its order, and no other.
func TestEveryFormSaysWhatTheSpecificationSaysAndNothingElse(t *testing.T) {
	for name, read := range map[string]func(*testing.T) []string{
		"md":    func(*testing.T) []string { return readMarkdown(document().Markdown()) },
		"html":  func(t *testing.T) []string { return readHTML(t, document().HTML()) },
		"json":  readJSON,
		"table": func(*testing.T) []string { return readText(document().Text(0)) },
	} {
		var want []string
		for _, s := range specification(t) {
			want = append(want, s.kind+" | "+s.text)
		}
		if d := cmp.Diff(want, read(t)); d != "" {
			t.Errorf("%s (-specification +document):\n%s", name, d)
		}
	}
}

func TestTheSpecificationsProseIsThere(t *testing.T) {
	md := document().Markdown()
	for _, want := range []string{
		"# Hyper-NixOS Feature Compatibility Matrix\n",
		"This document shows which features can be used together and any dependencies or conflicts.",
		"- ✅ Fully compatible\n- ⚠️ Compatible with limitations\n- ❌ Not compatible\n",
		"VM Management (always enabled)\n├──", "\nWeb Dashboard\n├──", "API (REST/GraphQL)\n├──", "\nThreat Detection\n├──", "\nLocal Backup\n├──",
		"*This compatibility matrix is updated with each release. Check the version at the top of this document.*",
	} {
		if !strings.Contains(md, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	headings := []string{
		"## Overview", "## Feature Compatibility Table", "## Feature Dependencies", "### Core Dependencies", "### Feature Trees", "#### Web Dashboard",
		"#### API Access", "#### Threat Detection", "#### Backup System", "## Risk Level Combinations", "## Platform Compatibility", "### Operating Systems",
		"### Hypervisor Features", "### Hardware Requirements", "#### CPU Features", "#### Storage Backends", "## Security Mode Compatibility",
		"## Network Configuration Compatibility", "## Performance Impact Matrix", "## Recommended Configurations",
	}
	at := 0
	for _, h := range headings {
		i := strings.Index(md[at:], "\n"+h+"\n")
		if i < 0 {
			t.Fatalf("%s is missing, or not in the specification's order", h)
		}
		at += i
	}
}

// readMarkdown reads headings, tables, lists and fenced blocks up to the reasons.
func readMarkdown(text string) []string {
	text, _, _ = strings.Cut(text, "\n## Reasons\n")
	var out []string
	var heading, language string
	var columns, block []string
	fenced, legend := false, false
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			if fenced {
				out = append(out, fencedBlock(heading, language, block)...)
			}
			fenced, language, block = !fenced, strings.TrimPrefix(line, "```"), nil
		case fenced:
			block = append(block, line)
		case strings.HasPrefix(line, "#"):
			heading, columns, legend = strings.TrimLeft(line, "# "), nil, false
		case line == "**Legend:**":
			legend = true
		case strings.HasPrefix(line, "|---"):
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			if columns == nil {
				columns = cells
				continue
			}
			for i, c := range cells[1:] {
				out = append(out, fmt.Sprintf("cell | %s | %s | %s | %s", heading, strings.Trim(cells[0], "*"), columns[i+1], unlinked(c)))
			}
		case strings.HasPrefix(line, "- ") && !legend:
			mark, words, _ := strings.Cut(strings.TrimPrefix(line, "- "), " ")
			out = append(out, fmt.Sprintf("line | %s | %s | %s", heading, words, unlinked(mark)))
		}
	}
	return out
}

func unlinked(cell string) string {
	cell, _, _ = strings.Cut(strings.TrimPrefix(cell, "["), "]")
	return cell
}

func fencedBlock(heading, language string, lines []string) []string {
	if language == "nix" {
		return []string{fmt.Sprintf("config | %s | %s", heading, strings.Join(lines, "\n"))}
	}
	var out []string
	for _, l := range lines[1:] {
		out = append(out, fmt.Sprintf("tree | %s | %s", heading, l))
	}
	return out
}

// readJSON knows only the names of the keys.
func readJSON(t *testing.T) []string {
	t.Helper()
	data, err := json.Marshal(document())
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Release  string
		Sections []struct {
			Title string
			Table struct {
				Columns []string
				Rows    []struct {
					Name  string
					Cells []struct{ Text string }
				}
			}
			Lines []struct{ Mark, Text string }
			Tree  struct{ Branches []branch }
			Nix   string
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Release != version.Release {
		t.Errorf("release %q", doc.Release)
	}
	signs := map[string]string{"full": "✅", "limited": "⚠️", "none": "❌"}
	var out []string
	for _, s := range doc.Sections {
		for _, r := range s.Table.Rows {
			for i, c := range r.Cells {
				out = append(out, fmt.Sprintf("cell | %s | %s | %s | %s", s.Title, r.Name, s.Table.Columns[i], c.Text))
			}
		}
		for _, l := range s.Lines {
			out = append(out, fmt.Sprintf("line | %s | %s | %s", s.Title, l.Text, signs[l.Mark]))
		}
		for _, l := range drawn(s.Tree.Branches, "") {
			out = append(out, fmt.Sprintf("tree | %s | %s", s.Title, l))
		}
		if s.Nix != "" {
			out = append(out, fmt.Sprintf("config | %s | %s", s.Title, s.Nix))
		}
	}
	return out
}

type branch struct {
	Verb, Text, Note string
	Branches         []branch
}

func drawn(all []branch, indent string) []string {
	var out []string
	for i, b := range all {
		edge, below := "├── ", "│   "
		if i == len(all)-1 {
			edge, below = "└── ", "    "
		}
		text := b.Text
		if b.Verb != "" {
			text = b.Verb + ": " + text
		}
		if b.Note != "" {
			text += " (" + b.Note + ")"
		}
		out = append(append(out, indent+edge+text), drawn(b.Branches, indent+below)...)
	}
	return out
}
