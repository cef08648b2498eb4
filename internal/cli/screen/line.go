package screen

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Status shows one line on the terminal that the next one takes the place of. Where there is no
// terminal it shows nothing.
type Status struct {
	Screen Screen
	shown  bool
}

// Show puts text in the place of what was shown before, cut to the line.
func (s *Status) Show(text string) {
	if !s.Screen.IsTerminal() {
		return
	}
	fmt.Fprint(s.Screen, "\r\x1b[K"+Cut(text, s.Screen.Width()-1))
	s.shown = true
}

// Clear takes the line away.
func (s *Status) Clear() {
	if s.shown {
		fmt.Fprint(s.Screen, "\r\x1b[K")
		s.shown = false
	}
}

// Bar draws done of total in width characters.
func Bar(done, total int64, width int) string {
	if total <= 0 || width < 3 {
		return ""
	}
	full := int(min(max(done, 0), total) * int64(width-2) / total)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-2-full) + "]"
}

// Spinner is the n-th picture of something that turns.
func Spinner(n int) string { return string(`|/-\`[n&3]) }

// Cut shortens text to width characters with … in its middle; a width below 1 leaves it as it is.
func Cut(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if width < 1 || n <= width {
		return text
	}
	runes := []rune(text)
	head := width / 2
	tail := width - head - 1
	return string(runes[:head]) + "…" + string(runes[n-tail:])
}

// Safe returns text without what a terminal obeys: control characters become ·, tabs and newlines
// spaces. Names and messages may come from files and guests.
func Safe(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x2066 || r == 0x2067 || r == 0x2068:
			return '·'
		}
		return r
	}, text)
}
