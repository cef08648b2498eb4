package features

import (
	"cmp"
	"fmt"
	"html"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
)

// sheet is a document being written: headings, tables and lists, in one of two forms.
type sheet interface {
	heading(level int, text string)
	paragraph(text string)
	table(head []string, rows [][]string)
	list(items []string)
}

func (d document) markdown() string {
	var m markdown
	d.write(&m)
	return m.b.String()
}

func (d document) html() string {
	var h page
	h.b.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Features</title>\n" +
		"<style>body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}" +
		"td,th{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}</style>\n</head>\n<body>\n")
	d.write(&h)
	h.b.WriteString("</body>\n</html>\n")
	return h.b.String()
}

func (d document) write(s sheet) {
	s.heading(1, "Features of "+d.Declaration)
	verdict := "nothing refuses it"
	if d.Refused {
		verdict = "it is refused"
	}
	s.paragraph(fmt.Sprintf("Profile %s, risk tolerance %s, held against %s: %s (%s).",
		d.Profile, d.RiskTolerance, cmp.Or(d.Host, "no host"), verdict, cmp.Or(d.Findings.Sum(), "no findings")))
	s.heading(2, "What is effective, and why")
	var rows, loads [][]string
	for _, e := range d.Features {
		var why []string
		for _, c := range e.Chains {
			why = append(why, c.String())
		}
		rows = append(rows, []string{string(e.ID), string(e.State), string(e.Risk), strings.Join(why, "; "), strings.Join(e.Held, "; ")})
		if e.State == feature.On {
			loads = append(loads, []string{string(e.ID), e.Impact.CPU, e.Impact.Memory, e.Impact.Disk, e.Impact.Network})
		}
	}
	s.table([]string{"Feature", "State", "Risk", "Why", "Held by"}, rows)
	if len(d.LeftOut) > 0 {
		s.heading(2, "Left out")
		var left []string
		for _, l := range d.LeftOut {
			left = append(left, string(l.ID)+": "+l.Why)
		}
		s.list(left)
	}
	d.writeRisk(s)
	s.heading(2, "Performance impact")
	s.paragraph("What the specification expects of what is on; the last line is the highest of each, never a sum.")
	s.table([]string{"Feature", "CPU", "Memory", "Disk I/O", "Network I/O"},
		append(loads, []string{"highest", d.Impact.CPU, d.Impact.Memory, d.Impact.Disk, d.Impact.Network}))
	s.heading(2, "Findings")
	rows = nil
	for _, f := range d.Findings {
		rows = append(rows, []string{string(f.Severity), f.Code, f.What, f.Why, f.Remedy, cmp.Or(f.Position.String(), f.Path), f.Source})
	}
	s.table([]string{"Severity", "Code", "What", "Why", "Remedy", "Where", "Source"}, rows)
}

func (d document) writeRisk(s sheet) {
	s.heading(2, "Risk")
	text := fmt.Sprintf("The whole is %s", d.Risk.Level)
	if d.Risk.Now != d.Risk.Level {
		text += fmt.Sprintf(" once all of it is on, %s now", d.Risk.Now)
	}
	s.paragraph(text + ": the highest level of what is effective, never a sum.")
	var rows [][]string
	for _, c := range d.Risk.Contributors {
		rows = append(rows, []string{string(c.ID), c.Exposes, strings.Join(c.Mitigations, "; "), c.Acknowledged})
	}
	if len(rows) > 0 {
		s.table([]string{"Contributor", "Exposes", "Mitigated by", "Acknowledged"}, rows)
	}
}

type markdown struct{ b strings.Builder }

func (m *markdown) heading(level int, text string) {
	fmt.Fprintf(&m.b, "%s %s\n\n", strings.Repeat("#", level), inMarkdown(text))
}

func (m *markdown) paragraph(text string) { m.b.WriteString(inMarkdown(text) + "\n\n") }

func (m *markdown) list(items []string) {
	for _, i := range items {
		m.b.WriteString("- " + inMarkdown(i) + "\n")
	}
	m.b.WriteByte('\n')
}

func (m *markdown) table(head []string, rows [][]string) {
	m.row(head)
	m.b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		m.row(r)
	}
	m.b.WriteByte('\n')
}

func (m *markdown) row(cells []string) {
	for _, c := range cells {
		m.b.WriteString("| " + inMarkdown(c) + " ")
	}
	m.b.WriteString("|\n")
}

// inMarkdown keeps text of the owner's, such as a reason or a file's name, from being read as anything but text.
func inMarkdown(text string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "|", "\\|", "<", "&lt;", "[", "\\[", "`", "\\`", "*", "\\*", "_", "\\_").Replace(text)
}

type page struct{ b strings.Builder }

func (p *page) heading(level int, text string) {
	fmt.Fprintf(&p.b, "<h%d>%s</h%d>\n", level, html.EscapeString(text), level)
}

func (p *page) paragraph(text string) { fmt.Fprintf(&p.b, "<p>%s</p>\n", html.EscapeString(text)) }

func (p *page) list(items []string) {
	p.b.WriteString("<ul>\n")
	for _, i := range items {
		fmt.Fprintf(&p.b, "<li>%s</li>\n", html.EscapeString(i))
	}
	p.b.WriteString("</ul>\n")
}

func (p *page) table(head []string, rows [][]string) {
	p.b.WriteString("<table>\n")
	p.row("th", head)
	for _, r := range rows {
		p.row("td", r)
	}
	p.b.WriteString("</table>\n")
}

func (p *page) row(cell string, cells []string) {
	p.b.WriteString("<tr>")
	for _, c := range cells {
		fmt.Fprintf(&p.b, "<%s>%s</%s>", cell, html.EscapeString(c), cell)
	}
	p.b.WriteString("</tr>\n")
}
