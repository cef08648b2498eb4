package picture

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Measures, in pixels. A character of a fixed-width font is 0.6 of its size wide, in nearly all of them.
const (
	fontSize  = 13
	charWidth = 7.8
	lineStep  = 18
	margin    = 16
)

// sheet makes the picture light or dark as its reader's system is.
const sheet = `
    .page { fill: #ffffff; stroke: #d0d7de }
    text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2328; white-space: pre }
    .bold { font-weight: bold }
    .dim { fill: #656d76 }
    .red { fill: #b3261e }
    .green { fill: #1a7f37 }
    .yellow { fill: #8a5a00 }
    .cyan { fill: #0b6b82 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d }
      text { fill: #e6edf3 }
      .dim { fill: #8d96a0 }
      .red { fill: #ff7b72 }
      .green { fill: #3fb950 }
      .yellow { fill: #d29922 }
      .cyan { fill: #56c5d8 }
    }
  `

// SVG draws lines, columns characters wide. title is read out by who cannot see it.
func SVG(lines []Line, columns int, title string) string {
	width := 2*margin + int(float64(columns)*charWidth+1)
	height := 2*margin + len(lines)*lineStep
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "  <title>%s</title>\n  <style>%s</style>\n", escaped(title), sheet)
	fmt.Fprintf(&b, `  <rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>`+"\n", width-1, height-1)
	for i, l := range lines {
		if drawn := spans(l); drawn != "" {
			fmt.Fprintf(&b, `  <text y="%d">%s</text>`+"\n", margin+i*lineStep+fontSize, drawn)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// word is text up to a gap of two spaces or more. Each is drawn at its own column, so that tables stay
// tables in a font of another width.
var word = regexp.MustCompile(`\S+(?: \S+)*`)

func spans(l Line) string {
	var b strings.Builder
	column := 0
	for _, r := range l {
		for _, at := range word.FindAllStringIndex(r.Text, -1) {
			x := margin + float64(column+utf8.RuneCountInString(r.Text[:at[0]]))*charWidth
			class := ""
			if r.Style != "" {
				class = ` class="` + string(r.Style) + `"`
			}
			fmt.Fprintf(&b, `<tspan x="%.1f"%s>%s</tspan>`, x, class, escaped(r.Text[at[0]:at[1]]))
		}
		column += utf8.RuneCountInString(r.Text)
	}
	return b.String()
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
