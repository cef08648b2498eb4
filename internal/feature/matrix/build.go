package matrix

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// New makes the document of a catalogue, for a release of the product.
func New(c *catalogue.Catalogue, release string) Document {
	b := &builder{cat: c, doc: Document{Title: "Hyper-NixOS Feature Compatibility Matrix", Release: release}}
	b.add(2, "Overview").Text = "This document shows which features can be used together and any dependencies or conflicts."
	b.pairs()
	b.trees()
	b.sets()
	b.add(2, "Platform Compatibility")
	b.table(3, catalogue.OperatingSystems)
	b.table(3, catalogue.Hypervisors)
	b.add(3, "Hardware Requirements")
	b.table(4, catalogue.CPUFeatures)
	b.table(4, catalogue.StorageBackends)
	b.phases()
	b.modes()
	b.loads()
	b.configurations()
	return b.doc
}

type builder struct {
	cat *catalogue.Catalogue
	doc Document
}

// add appends a section. The pointer is good until the next one.
func (b *builder) add(level int, title string) *Section {
	b.doc.Sections = append(b.doc.Sections, Section{Level: level, Title: title})
	return &b.doc.Sections[len(b.doc.Sections)-1]
}

// because keeps the reason behind a mark, once, and returns its id; nothing for a mark that owes none.
func (b *builder) because(title, source string, s catalogue.Support) string {
	if !s.Mark.Short() {
		return ""
	}
	id := anchor(title)
	if _, n := b.doc.Reason(id); n == 0 {
		b.doc.Reasons = append(b.doc.Reasons, Reason{id, title, s.Mark, s.Reason, s.Remedy, source})
	}
	return id
}

func (b *builder) cell(title, source string, s catalogue.Support) Cell {
	return Cell{Mark: s.Mark, Text: s.Mark.Symbol(), Reason: b.because(title, source, s)}
}

func (b *builder) pairs() {
	t := Table{Corner: "Feature", Strong: true}
	rows := b.cat.Matrix()
	for _, row := range rows {
		t.Columns = append(t.Columns, row.Name)
		out := Row{Name: row.Name}
		for _, col := range rows {
			out.Cells = append(out.Cells, b.pair(row.ID, col.ID))
		}
		t.Rows = append(t.Rows, out)
	}
	s := b.add(2, "Feature Compatibility Table")
	s.Table = &t
	s.Legend = []Line{
		{Mark: catalogue.Full, Text: "Fully compatible"},
		{Mark: catalogue.Limits, Text: "Compatible with limitations"},
		{Mark: catalogue.Nothing, Text: "Not compatible"},
	}
}

func (b *builder) pair(x, y catalogue.ID) Cell {
	r, related := b.cat.Between(x, y)
	if !related {
		return Cell{Mark: catalogue.Full, Text: catalogue.Full.Symbol()}
	}
	first, _ := b.cat.Get(r.A)
	second, _ := b.cat.Get(r.B)
	remedy := r.Remedy
	for _, scope := range r.Narrower() {
		remedy += fmt.Sprintf("; conflictScope.%s.%s = %q: %s", r.A, r.B, scope, r.Narrow[scope])
	}
	return b.cell(first.Name+" and "+second.Name, r.Source, catalogue.Support{Mark: b.cat.Verdict(x, y), Reason: r.Reason, Remedy: remedy})
}

func (b *builder) trees() {
	b.add(2, "Feature Dependencies")
	for i, t := range b.cat.Trees() {
		level := 4
		if i == 0 {
			level = 3
		}
		root := t.Root
		b.add(level, t.Name).Tree = &root
		if i == 0 {
			b.add(3, "Feature Trees")
		}
	}
}

func (b *builder) sets() {
	b.add(2, "Risk Level Combinations")
	below := ""
	for _, set := range b.cat.Sets() {
		level := strings.ToUpper(string(set.Name[:1])) + string(set.Name[1:]) + " Risk"
		var lines []Line
		if below != "" {
			lines = append(lines, Line{Mark: catalogue.Full, Text: "All " + below + " features"})
		}
		for _, m := range set.Members {
			f, _ := b.cat.Get(m.ID)
			text := cmp.Or(m.Label, f.Name)
			if m.Note != "" {
				text += " (" + m.Note + ")"
			}
			why := "what it exposes: " + f.Exposes
			if f.Warning != "" {
				why = f.Warning + "; " + why
			}
			id := b.because(fmt.Sprintf("%s at %s risk", f.Name, set.Name), "Risk Level Combinations",
				catalogue.Support{Mark: m.Mark, Reason: why, Remedy: strings.Join(f.Mitigations, "; ")})
			lines = append(lines, Line{m.Mark, text, id})
		}
		b.add(3, fmt.Sprintf("%s (%s)", level, set.For)).Lines = lines
		below = level
	}
}

func (b *builder) table(level int, name catalogue.TableName) {
	data, _ := b.cat.Table(name)
	t := Table{Corner: data.Corner}
	for _, c := range data.Columns {
		if c == string(catalogue.MacOS) {
			c += " (partial)"
		}
		t.Columns = append(t.Columns, c)
	}
	for _, r := range data.Rows {
		row := Row{Name: r.Name}
		for i, cell := range r.Cells {
			row.Cells = append(row.Cells, b.cell(r.Name+" on "+data.Columns[i], string(name)+"; "+data.Source, cell))
		}
		t.Rows = append(t.Rows, row)
	}
	b.add(level, string(name)).Table = &t
}

func (b *builder) phases() {
	b.add(2, "Security Mode Compatibility")
	for _, p := range b.cat.Phases() {
		var lines []Line
		for _, l := range p.Lines {
			lines = append(lines, b.line(l.Line, fmt.Sprintf("%s in the %s phase", l.Text, p.ID), "Security Mode Compatibility; reading the matrix: decision 9"))
		}
		b.add(3, p.Name).Lines = lines
	}
}

func (b *builder) modes() {
	b.add(2, "Network Configuration Compatibility")
	for _, m := range b.cat.Modes() {
		var lines []Line
		for _, l := range m.Lines {
			lines = append(lines, b.line(l.Line, fmt.Sprintf("%s in %s mode", l.Text, m.ID), "Network Configuration Compatibility; reading the matrix: decision 11"))
		}
		b.add(3, m.Name).Lines = lines
	}
}

func (b *builder) line(l catalogue.Line, title, source string) Line {
	return Line{l.Mark, l.Text, b.because(title, source, l.Support)}
}

func (b *builder) loads() {
	t := Table{Corner: "Feature", Columns: []string{"CPU Impact", "Memory Impact", "Disk I/O", "Network I/O"}}
	for _, row := range b.cat.Loads() {
		f, _ := b.cat.Get(row.ID)
		out := Row{Name: row.Name}
		for _, load := range []string{f.Impact.CPU, f.Impact.Memory, f.Impact.Disk, f.Impact.Network} {
			out.Cells = append(out.Cells, Cell{Text: strings.ToUpper(load[:1]) + load[1:]})
		}
		t.Rows = append(t.Rows, out)
	}
	b.add(2, "Performance Impact Matrix").Table = &t
}

func (b *builder) configurations() {
	b.add(2, "Recommended Configurations")
	for _, c := range b.cat.Configurations() {
		s := b.add(3, c.Name)
		s.Config, s.Nix = &c, nix(c)
	}
}

// nix is a configuration as its owner writes it.
func nix(c catalogue.Configuration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  hypervisor.featureManager = {\n    profile = %q;\n    riskTolerance = %q;\n    enabledFeatures = [\n", c.Profile, c.Tolerance)
	for _, id := range c.Enabled {
		fmt.Fprintf(&b, "      %q\n", id)
	}
	b.WriteString("    ];\n  };\n}")
	return b.String()
}
