// Package picture draws a recorded terminal session as SVG, for the README.
//
// What lives here: reading what a program wrote to a terminal, leaving lines out where that is said, and
// drawing. What does not: recording (record.sh). Nothing of it is shipped.
package picture

import (
	"slices"
	"strconv"
	"strings"
)

// Style is how a character looks: none, or one of bold, dim, red, green, yellow, cyan.
type Style string

// styles are the parameters of "select graphic rendition" (ECMA-48, 8.3.117) that hv uses.
var styles = map[int]Style{1: "bold", 2: "dim", 31: "red", 32: "green", 33: "yellow", 36: "cyan"}

// Run is text of one style.
type Run struct {
	Style Style
	Text  string
}

// Line is one line of a terminal.
type Line []Run

// Text is the line without its looks.
func (l Line) Text() string {
	var b strings.Builder
	for _, r := range l {
		b.WriteString(r.Text)
	}
	return b.String()
}

// cell is one character on the terminal.
type cell struct {
	char  rune
	style Style
}

// Read returns the lines that a terminal shows after it got recorded. It obeys what hv writes: newline,
// carriage return, "erase to the end of the line" and colours; other control sequences draw nothing.
func Read(recorded string) []Line {
	var lines []Line
	for text := range strings.SplitSeq(strings.TrimSuffix(recorded, "\n"), "\n") {
		lines = append(lines, runs(cells(strings.TrimSuffix(text, "\r"))))
	}
	return lines
}

func cells(text string) []cell {
	var line []cell
	var style Style
	at := 0
	chars := []rune(text)
	for i := 0; i < len(chars); i++ {
		switch c := chars[i]; {
		case c == '\r':
			at = 0
		case c == 0x1b && i+1 < len(chars) && chars[i+1] == '[':
			end := i + 2
			for end < len(chars) && (chars[end] < 0x40 || chars[end] > 0x7e) {
				end++
			}
			if end < len(chars) {
				line, style = obey(line, at, style, string(chars[i+2:end]), chars[end])
			}
			i = end
		case c < ' ' || c == 0x7f:
		default:
			line = put(line, at, cell{c, style})
			at++
		}
	}
	return line
}

// obey carries out one control sequence.
func obey(line []cell, at int, style Style, params string, final rune) ([]cell, Style) {
	switch {
	case final == 'K' && (params == "" || params == "0"):
		return line[:min(at, len(line))], style
	case final == 'm':
		for p := range strings.SplitSeq(params, ";") {
			n, _ := strconv.Atoi(p) // an empty one is 0
			style = styles[n]
		}
	}
	return line, style
}

func put(line []cell, at int, c cell) []cell {
	if at < len(line) {
		line[at] = c
		return line
	}
	return append(line, c)
}

func runs(line []cell) Line {
	var out Line
	for _, c := range line {
		if last := len(out) - 1; last >= 0 && out[last].Style == c.style {
			out[last].Text += string(c.char)
		} else {
			out = append(out, Run{c.style, string(c.char)})
		}
	}
	return out
}

// Cut leaves out the lines from the from-th that begins with prefix (0 is the first) up to, and without, the next
// one that begins with until. In their place stands say. Lines that have no such place stay as they are.
func Cut(lines []Line, prefix string, from int, until string, say string) []Line {
	begin := slices.IndexFunc(lines, func(l Line) bool {
		if strings.HasPrefix(l.Text(), prefix) {
			from--
		}
		return from < 0
	})
	if begin < 0 {
		return lines
	}
	length := slices.IndexFunc(lines[begin:], func(l Line) bool { return strings.HasPrefix(l.Text(), until) })
	if length < 0 {
		return lines
	}
	return slices.Concat(lines[:begin], []Line{{{Style: "dim", Text: say}}}, lines[begin+length:])
}
