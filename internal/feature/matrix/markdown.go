package matrix

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// Markdown is the document as docs/compatibility-matrix.md has it: every ⚠️ and ❌ leads to its reason.
func (d Document) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nRelease %s. Made from the feature catalogue by `hv feature matrix --format md`. A ⚠️ or ❌ leads to its\n"+
		"reason, and from there to yes.\n", d.Title, d.Release)
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n%s %s\n", strings.Repeat("#", s.Level), s.Title)
		s.markdown(&b)
	}
	b.WriteString("\n## Reasons\n\nWhat stands behind each mark that falls short, and what to do.\n")
	for _, r := range d.Reasons {
		fmt.Fprintf(&b, "\n### %s\n\n%s %s.\n\n**To get to yes:** %s.\n\n*%s*\n", r.Title, r.Mark.Symbol(), sentence(r.Why), r.Remedy, sentence(r.Source))
	}
	b.WriteString("\n---\n\n*This compatibility matrix is updated with each release. Check the version at the top of this document.*\n")
	return b.String()
}

func (s Section) markdown(b *strings.Builder) {
	if s.Text != "" {
		fmt.Fprintf(b, "\n%s\n", s.Text)
	}
	if s.Table != nil {
		s.Table.markdown(b)
	}
	if len(s.Legend) > 0 {
		b.WriteString("\n**Legend:**\n\n")
		lines(b, s.Legend)
	}
	if len(s.Lines) > 0 {
		b.WriteByte('\n')
		lines(b, s.Lines)
	}
	if s.Tree != nil {
		fmt.Fprintf(b, "\n```\n%s\n%s\n```\n", Label(*s.Tree), strings.Join(Draw(*s.Tree), "\n"))
	}
	if s.Nix != "" {
		fmt.Fprintf(b, "\n```nix\n%s\n```\n", s.Nix)
	}
}

func lines(b *strings.Builder, all []Line) {
	for _, l := range all {
		fmt.Fprintf(b, "- %s %s\n", linked(l.Mark.Symbol(), l.Reason), l.Text)
	}
}

func (t Table) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n| %s | %s |\n|%s\n", t.Corner, strings.Join(t.Columns, " | "), strings.Repeat("---|", len(t.Columns)+1))
	for _, r := range t.Rows {
		name := r.Name
		if t.Strong {
			name = "**" + name + "**"
		}
		fmt.Fprintf(b, "| %s |", name)
		for _, c := range r.Cells {
			fmt.Fprintf(b, " %s |", linked(c.Text, c.Reason))
		}
		b.WriteByte('\n')
	}
}

func linked(text, reason string) string {
	if reason == "" {
		return text
	}
	return fmt.Sprintf("[%s](#%s)", text, reason)
}

// sentence begins with a capital, where the word is not a name that is written small.
func sentence(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if _, _, err := catalogue.Lookup(strings.Trim(word, ",;:")); err == nil || strings.ToLower(word) != word {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
