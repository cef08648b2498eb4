package screen

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestColourIsWhereItIsWanted(t *testing.T) {
	var out bytes.Buffer // no terminal
	for _, c := range []struct {
		color   Color
		noColor bool
		painted bool
	}{{Auto, false, false}, {Auto, true, false}, {Always, true, true}, {Never, false, false}} {
		s := Of(&out, c.color, c.noColor)
		if got := s.Paint(Red, "x") != "x"; got != c.painted {
			t.Errorf("%v: %v", c, got)
		}
	}
	if s := Of(&out, Auto, false); s.IsTerminal() || s.Width() != 0 {
		t.Error("a buffer is no terminal")
	}
}

func TestWithoutATerminalThereIsNoStatusLine(t *testing.T) {
	var out bytes.Buffer
	s := Status{Screen: Of(&out, Always, false)}
	s.Show("working")
	s.Clear()
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}

func TestCutKeepsBothEnds(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{{"abcdefgh", 8, "abcdefgh"}, {"abcdefgh", 5, "ab…gh"}, {"abcdefgh", 4, "ab…h"}, {"abcdefgh", 0, "abcdefgh"}, {"äöüäöü", 3, "ä…ü"}, {"ab", 1, "…"}} {
		if got := Cut(c.text, c.width); got != c.want {
			t.Errorf("%q to %d: %q", c.text, c.width, got)
		}
	}
}

func TestABarIsAsWideAsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(1, 1<<50).Draw(t, "total")
		bar := Bar(rapid.Int64Range(-1, 1<<51).Draw(t, "done"), total, 24)
		if utf8.RuneCountInString(bar) != 24 {
			t.Fatal(bar)
		}
	})
	if got := Bar(1, 2, 12); got != "[#####.....]" {
		t.Error(got)
	}
}

func TestNothingThatATerminalObeysIsLeft(t *testing.T) {
	for _, c := range []struct{ in, filtered string }{
		{"plain\ttext\n", "plain\ttext\n"},
		{"\x1b[31mred\x1b[0m", "red"},
		{"\x1b]0;title\x07x", "x"},
		{"\x1b]0;title\x1b\\x", "x"},
		{"a\rb\x07\x08\x7f", "ab"},
		{"\x1bcreset", "reset"},
	} {
		var out bytes.Buffer
		f := Filter{W: &out}
		for _, b := range []byte(c.in) { // however it is cut into pieces
			_, _ = f.Write([]byte{b})
		}
		if out.String() != c.filtered {
			t.Errorf("%q: %q", c.in, out.String())
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.Byte()).Draw(t, "in")
		var out bytes.Buffer
		f := Filter{W: &out}
		if n, err := f.Write(in); n != len(in) || err != nil {
			t.Fatal(n, err)
		}
		for _, r := range out.String() + Safe(string(in)) {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
				t.Fatalf("%q leaves %q", in, r)
			}
		}
		if strings.ContainsAny(Safe(string(in)), "\n\t\x1b") {
			t.Fatalf("%q", Safe(string(in)))
		}
	})
}

func TestAStrangersBytesMoveNoTerminalAndPassAPipe(t *testing.T) {
	const sent = "\x1b]0;title\x07\x1b[2Jroot\r\n"
	for terminal, want := range map[bool]string{true: "root\n", false: sent} {
		var out bytes.Buffer
		if _, err := (Screen{Writer: &out, terminal: terminal}).Foreign().Write([]byte(sent)); err != nil || out.String() != want {
			t.Errorf("terminal %v: %q, %v", terminal, out.String(), err)
		}
	}
}
