package screen

import (
	"strings"
	"unicode/utf8"
)

// Page is the width that prose is wrapped at: the screen's, and where nobody looks that of a page.
func (s Screen) Page() int {
	if w := s.Width(); w > 0 {
		return w
	}
	return DefaultWidth
}

// Columns is how many columns a text takes; what paints it takes none.
func Columns(text string) int {
	n := 0
	for text != "" {
		before, after, painted := strings.Cut(text, "\x1b[")
		n += utf8.RuneCountInString(before)
		if !painted {
			return n
		}
		_, text, _ = strings.Cut(after, "m")
	}
	return n
}

// Wrap breaks text at spaces into lines of at most width characters; a width of 0 or less breaks
// nothing, and a longer word stays whole.
func Wrap(text string, width int) []string { return WrapBehind(0, text, width) }

// WrapBehind is Wrap where so many characters stand before the first line already.
func WrapBehind(taken int, text string, width int) []string {
	if width < 20 || taken+utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	var lines []string
	var now string
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case now == "":
			now = word
		case taken+utf8.RuneCountInString(now)+1+utf8.RuneCountInString(word) <= width:
			now += " " + word
		default:
			lines = append(lines, now)
			now, taken = word, 0
		}
	}
	return append(lines, now)
}
