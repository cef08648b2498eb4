package console

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
)

func see(match, text string, piece int) (found bool, used int) {
	m := &matcher{match: regexp.MustCompile(match)}
	m.text = screen.Filter{W: &m.line}
	for len(text) > 0 && !found {
		n := min(piece, len(text))
		var part int
		found, part = m.see([]byte(text[:n]))
		used += part
		text = text[n:]
	}
	return found, used
}

func TestUntilSeesWhatAPersonWouldSee(t *testing.T) {
	const boot = "SeaBIOS\r\n\x1b[2J\x1b[1;1Hbooting\r\nhost login: "
	for _, c := range []struct {
		match string
		found bool
		upTo  string // what is printed before and with the match, when it comes at once
	}{
		{"SeaBIOS", true, "SeaBIOS\r\n"},
		{"^booting$", true, "SeaBIOS\r\n\x1b[2J\x1b[1;1Hbooting\r\n"},
		{"login: $", true, boot},
		{"^login", false, boot},
		{"BIOS.*booting", false, boot},
	} {
		for _, piece := range []int{1, 3, 1000} {
			found, used := see(c.match, boot, piece)
			if found != c.found || piece == 1000 && used != len(c.upTo) {
				t.Errorf("%s in pieces of %d: %v after %d", c.match, piece, found, used)
			}
		}
	}
}

func TestALineThatNeverEndsIsBounded(t *testing.T) {
	m := &matcher{match: regexp.MustCompile("end")}
	m.text = screen.Filter{W: &m.line}
	for range 100 {
		m.see([]byte(strings.Repeat("x", 4096)))
	}
	if m.line.Len() > maxLine+4096 {
		t.Errorf("%d bytes are kept", m.line.Len())
	}
	if found, _ := m.see([]byte("end\nend\n")); !found {
		t.Error("the line after it was not seen")
	}
}
