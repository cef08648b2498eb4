package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Findings prints l on s, worst first, then one line of sum. Nothing for no findings.
func Findings(s screen.Screen, l finding.List) {
	if len(l) == 0 {
		return
	}
	sorted := append(finding.List(nil), l...)
	sorted.Sort()
	for _, f := range sorted {
		one(s, f)
	}
	fmt.Fprintln(s, sorted.Sum())
}

// severityWidth is that of the longest severity.
const severityWidth = len(finding.Unavailable)

func one(s screen.Screen, f finding.Finding) {
	word := s.Paint(Severity(f.Severity), string(f.Severity)) + strings.Repeat(" ", max(0, severityWidth-len(f.Severity)))
	indent := severityWidth + 2
	fmt.Fprint(s, word+"  "+coded(s, screen.Safe(f.What), f.Code, indent))
	if at := f.Position.String(); at != "" {
		line(s, indent, at)
	}
	if f.Excerpt != "" {
		for l := range strings.SplitSeq(f.Excerpt, "\n") {
			fmt.Fprintln(s, strings.Repeat(" ", indent)+s.Paint(screen.Dim, screen.Safe(l)))
		}
	}
	if f.Why != "" {
		line(s, indent, "because "+screen.Safe(f.Why))
	}
	if f.Remedy != "" {
		line(s, indent, "try: "+screen.Safe(f.Remedy))
	}
}

// Severity is the colour of a severity.
func Severity(v finding.Severity) screen.Paint {
	switch v {
	case finding.Refused:
		return screen.Red
	case finding.Unavailable, finding.Waiting, finding.Limited:
		return screen.Yellow
	case finding.Consequence, finding.Advice:
		return screen.Dim
	}
	return screen.Dim
}

// line prints text with every line of it indented, wrapped where somebody looks at it.
func line(s screen.Screen, indent int, text string) {
	pad := strings.Repeat(" ", indent)
	for _, l := range screen.Wrap(text, s.Width()-indent) {
		fmt.Fprintln(s, pad+l)
	}
}

// coded is text with its code at the right margin of the last line. The first line is not indented:
// something stands before it already.
func coded(s screen.Screen, text, code string, indent int) string {
	width := s.Width()
	lines := screen.Wrap(text, width-indent)
	if code == "" {
		return join(lines, indent)
	}
	if width <= 0 || width > 100 {
		width = 80
	}
	last := lines[len(lines)-1]
	gap := width - indent - utf8.RuneCountInString(last) - len(code)
	lines[len(lines)-1] = last + strings.Repeat(" ", max(2, gap)) + s.Paint(screen.Dim, code)
	return join(lines, indent)
}

func join(lines []string, indent int) string {
	return strings.Join(lines, "\n"+strings.Repeat(" ", indent)) + "\n"
}

// Prose prints text behind what leads it, wrapped where it is wider than the screen; below leads each further line.
func Prose(s screen.Screen, lead, text, below string) {
	indent := screen.Columns(below)
	for _, l := range screen.WrapBehind(screen.Columns(lead)-indent, text, s.Page()-indent) {
		fmt.Fprintln(s, lead+l)
		lead = below
	}
}

// Folded prints a text of many lines, each wrapped where it is wider than the screen: what goes on in a further line stands
// two to the right of where it began, and the branches of a tree are drawn on.
func Folded(s screen.Screen, text string) {
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		rest := strings.TrimLeft(l, " │├└─")
		lead := l[:len(l)-len(rest)]
		below := strings.NewReplacer("├", "│", "└", " ", "─", " ").Replace(lead)
		Prose(s, lead, rest, below+"  ")
	}
}
