package screen

// Paint is a colour of the terminal's own palette: a second signal beside the word, never the only one.
type Paint string

// The colours.
const (
	Red    Paint = "31"
	Green  Paint = "32"
	Yellow Paint = "33"
	Cyan   Paint = "36"
	Dim    Paint = "2"
	Bold   Paint = "1"
)

// Paint returns text in that colour, and as it is where the screen shows none.
func (s Screen) Paint(p Paint, text string) string {
	if !s.color || text == "" {
		return text
	}
	return "\x1b[" + string(p) + "m" + text + "\x1b[0m"
}
