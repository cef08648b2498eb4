package graph

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// Forms are the names of the forms of Text.
func Forms() []string { return []string{"ascii", "dot", "mermaid"} }

// Text is g in one of the forms; false for a form that there is not.
func (g Graph) Text(form string) (string, bool) {
	switch form {
	case "ascii":
		return g.ASCII(), true
	case "dot":
		return g.DOT(), true
	case "mermaid":
		return g.Mermaid(), true
	}
	return "", false
}

var fills = map[catalogue.Risk]string{
	catalogue.Minimal: "#eef6ee", catalogue.Low: "#e3f0ff", catalogue.Moderate: "#fff6d6", catalogue.High: "#ffe0d6", catalogue.Critical: "#ffc9c9",
}

var dotEdges = map[Kind]string{
	Requires: `[label="requires"]`, Optional: `[label="better with", style=dashed]`,
	Conflict: `[label="conflicts", color=red, dir=none, constraint=false]`, Limited: `[label="limited", color=orange, dir=none, style=dotted, constraint=false]`,
}

// DOT is g for Graphviz: dot -Tsvg.
func (g Graph) DOT() string {
	var b strings.Builder
	b.WriteString("digraph features {\n  rankdir=LR;\n  node [shape=box, style=filled];\n")
	for _, n := range g.Nodes {
		label := string(n.ID) + `\n` + string(n.Risk)
		if n.State != "" {
			label += ", " + n.State
		}
		line := ""
		if n.State == "off" {
			line = ", color=gray, fontcolor=gray"
		}
		fmt.Fprintf(&b, "  %s [label=\"%s\", fillcolor=\"%s\"%s];\n", n.ID, label, fills[n.Risk], line)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  %s -> %s %s;\n", e.From, e.To, dotEdges[e.Kind])
	}
	b.WriteString("}\n")
	return b.String()
}

var mermaidEdges = map[Kind]string{
	Requires: "-->|requires|", Optional: "-.->|better with|", Conflict: "x--x|conflicts|", Limited: "-.-|limited|",
}

// Mermaid is g as Markdown viewers draw it.
func (g Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, n := range g.Nodes {
		label := string(n.ID) + "<br/>" + string(n.Risk)
		if n.State != "" {
			label += ", " + n.State
		}
		fmt.Fprintf(&b, "  %s[\"%s\"]\n", n.ID, label)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  %s %s %s\n", e.From, mermaidEdges[e.Kind], e.To)
	}
	return b.String()
}

// ASCII is g as text: each feature with what it has to do with others below it.
func (g Graph) ASCII() string {
	var b strings.Builder
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "%s  %s", n.ID, n.Risk)
		if n.State != "" {
			b.WriteString(", " + n.State)
		}
		b.WriteByte('\n')
		lines := g.of(n.ID)
		for i, l := range lines {
			branch := "├── "
			if i == len(lines)-1 {
				branch = "└── "
			}
			b.WriteString(branch + l + "\n")
		}
	}
	return b.String()
}

// of is what an id has to do with others, in words.
func (g Graph) of(id catalogue.ID) []string {
	var out []string
	say := func(verb string, other catalogue.ID, note string) { out = append(out, verb+" "+string(other)+note) }
	for _, e := range g.Edges {
		other := e.To
		if e.To == id {
			other = e.From
		}
		switch {
		case e.From != id && e.To != id:
		case e.Kind == Requires && e.From == id:
			say("requires", other, "")
		case e.Kind == Requires:
			say("required by", other, "")
		case e.Kind == Optional && e.From == id:
			say("better with", other, "")
		case e.Kind == Optional:
			say("makes better", other, "")
		case e.Kind == Conflict:
			say("conflicts with", other, " on one "+string(e.Scope)+": "+e.Reason)
		case e.Kind == Limited:
			say("limited with", other, ": "+e.Reason)
		}
	}
	return out
}
