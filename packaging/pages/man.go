package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manuals returns a page for every command and topic that a user may see, by its path below the root.
func manuals(cmd *cobra.Command) map[string]string {
	pages := map[string]string{}
	each(cmd, func(cmd *cobra.Command) {
		section := sectionOf(cmd)
		pages[fmt.Sprintf("usr/share/man/man%d/%s.%d", section, nameOf(cmd), section)] = manual(cmd)
	})
	return pages
}

func each(cmd *cobra.Command, visit func(*cobra.Command)) {
	if cmd.Hidden || cmd.Name() == "help" {
		return
	}
	visit(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, visit)
	}
}

// nameOf is the page's name: hv-vm-start.
func nameOf(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// sectionOf is 1 for a command and 7 for a topic (man(1)).
func sectionOf(cmd *cobra.Command) int {
	if cmd.IsAdditionalHelpTopicCommand() {
		return 7
	}
	return 1
}

// manual is one page in man(7)'s words, from the same text as the command's help and docs/cli.
func manual(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s %d \"\" \"Hyper-NixOS\" \"Hyper-NixOS\"\n", strings.ToUpper(escaped(nameOf(cmd))), sectionOf(cmd))
	fmt.Fprintf(&b, ".nh\n.ad l\n.SH NAME\n%s \\- %s\n", escaped(nameOf(cmd)), escaped(cmd.Short))
	if sectionOf(cmd) == 7 {
		b.WriteString(".SH DESCRIPTION\n")
		verbatim(&b, cmd.Long)
		return b.String() + seeAlso(cmd)
	}
	if !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", escaped(cmd.UseLine()))
	}
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, cmd.Long)
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		verbatim(&b, strings.TrimSpace(strings.ReplaceAll(cmd.Example, "\n  ", "\n")))
	}
	options(&b, "OPTIONS", cmd.LocalNonPersistentFlags())
	options(&b, "OPTIONS OF EVERY COMMAND", cmd.PersistentFlags())
	return b.String() + seeAlso(cmd)
}

// paragraphs writes text as lines that man fills; what is indented stays as it is.
func paragraphs(b *strings.Builder, text string) {
	for _, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(p, " ") || strings.Contains(p, "\n ") {
			verbatim(b, p)
			continue
		}
		fmt.Fprintf(b, ".PP\n%s\n", escaped(p))
	}
}

func verbatim(b *strings.Builder, text string) {
	fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", escaped(strings.TrimRight(text, "\n")))
}

func options(b *strings.Builder, title string, flags *pflag.FlagSet) {
	first := true
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if first {
			fmt.Fprintf(b, ".SH %s\n", title)
			first = false
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if f.Value.Type() != "bool" {
			name += " " + strings.ToUpper(f.Name[strings.LastIndexByte(f.Name, '-')+1:])
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escaped(name), escaped(f.Usage))
	})
}

// seeAlso names the commands above and below.
func seeAlso(cmd *cobra.Command) string {
	var names []string
	reference := func(c *cobra.Command) {
		names = append(names, fmt.Sprintf(".BR %s (%d)", escaped(nameOf(c)), sectionOf(c)))
	}
	if cmd.HasParent() {
		reference(cmd.Parent())
	}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			reference(sub)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ".SH SEE ALSO\n" + strings.Join(names, ",\n") + "\n"
}

// escaped keeps text from being read as requests (man(7), groff_char(7)).
func escaped(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, `\`, `\e`), "\n")
	for i, line := range lines {
		line = strings.ReplaceAll(line, "-", `\-`)
		line = strings.NewReplacer("–", `\(en`, "…", `...`, "→", `\(->`, "≤", `\(<=`, "≥", `\(>=`).Replace(line)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}
