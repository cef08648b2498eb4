package picture

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "draw docs/pictures anew")

// Where the recording and its picture are, and how wide the recorded terminal was (record.sh).
const (
	recording = "../../docs/pictures/first-vm.txt"
	drawing   = "../../docs/pictures/first-vm.svg"
	columns   = 96
)

func TestThePictureOfAFirstVMIsDrawnFromItsRecording(t *testing.T) {
	recorded, err := os.ReadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	lines := Cut(Read(string(recorded)), "unavailable ", 2, "5 unavailable", "…            (the others, each with its place in the file, its reason and the next step)")
	svg := SVG(lines, columns, "A terminal: a configuration is checked, then a VM is created and started, and says on its console that it is up.")
	if *update {
		if err := os.WriteFile(drawing, []byte(svg), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	drawn, err := os.ReadFile(drawing)
	if err != nil {
		t.Fatal(err)
	}
	if string(drawn) != svg {
		t.Errorf("%s is not what %s comes to: go test ./test/picture -update", drawing, recording)
	}
	for _, l := range lines {
		if n := len([]rune(l.Text())); n > columns {
			t.Errorf("a line of %d characters runs out of the picture: %s", n, l.Text())
		}
	}
	wellFormed(t, svg)
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestATerminalShowsWhatIsLeftAfterItsControlSequences(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []Line
	}{
		{"plain", "a\r\nb\r\n", []Line{{{"", "a"}}, {{"", "b"}}}},
		{"colours", "\x1b[32mon\x1b[0m and \x1b[2mdim\x1b[m.", []Line{{{"green", "on"}, {"", " and "}, {"dim", "dim"}, {"", "."}}}},
		{"a progress line that was taken away", "| 3 s\r\x1b[K/ 4 s\r\x1b[Kdone\n", []Line{{{"", "done"}}}},
		{"what was overwritten in part", "abcdef\rxy\n", []Line{{{"", "xycdef"}}}},
		{"sequences that draw nothing", "\x1b[2Ja\x07b\x1b[?25l\n", []Line{{{"", "ab"}}}},
		{"a sequence that was cut off", "a\x1b[3", []Line{{{"", "a"}}}},
		{"an empty line", "a\n\nb\n", []Line{{{"", "a"}}, nil, {{"", "b"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, Read(c.in)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLinesAreLeftOutVisibly(t *testing.T) {
	lines := Read("head\nx 1\n  y\nx 2\n  y\nx 3\nsum\nsum\n")
	text := func(lines []Line) string {
		var all []string
		for _, l := range lines {
			all = append(all, l.Text())
		}
		return strings.Join(all, "|")
	}
	for _, c := range []struct {
		prefix, until string
		from          int
		want          string
	}{
		{"x", "sum", 1, "head|x 1|  y|…|sum|sum"},
		{"x", "sum", 0, "head|…|sum|sum"},
		{"x", "sum", 3, "head|x 1|  y|x 2|  y|x 3|sum|sum"},
		{"x", "none", 0, "head|x 1|  y|x 2|  y|x 3|sum|sum"},
	} {
		if got := text(Cut(lines, c.prefix, c.from, c.until, "…")); got != c.want {
			t.Errorf("cut from %q %d until %q: %s, wanted %s", c.prefix, c.from, c.until, got, c.want)
		}
	}
}

func TestADrawingKeepsColumnsAndEscapesText(t *testing.T) {
	svg := SVG(Read("a  <b>\n\n\x1b[31mc\x1b[0m"), 6, `"A" & B`)
	for _, part := range []string{
		`<title>&#34;A&#34; &amp; B</title>`,
		`<tspan x="16.0">a</tspan><tspan x="39.4">&lt;b&gt;</tspan>`,
		`<text y="65"><tspan x="16.0" class="red">c</tspan></text>`,
	} {
		if !strings.Contains(svg, part) {
			t.Errorf("no %s in\n%s", part, svg)
		}
	}
	wellFormed(t, svg)
}
