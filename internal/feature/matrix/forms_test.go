package matrix

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// element is a part of a page with all the text in it.
type element struct {
	name, text string
	attr       map[string]string
	within     []string // classes and names of what it stands in
}

// elements reads a page as XML, which is stricter than a browser: every element is closed, every entity known. An
// element comes when it ends.
func elements(t *testing.T, page string) []element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	var open, done []element
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return done
		case err != nil:
			t.Fatalf("the page is not well formed: %v", err)
		}
		switch tok := token.(type) {
		case xml.StartElement:
			e := element{name: tok.Name.Local, attr: map[string]string{}}
			for _, a := range tok.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			for _, o := range open {
				e.within = append(e.within, o.name, o.attr["class"])
			}
			open = append(open, e)
		case xml.CharData:
			for i := range open {
				open[i].text += string(tok)
			}
		case xml.EndElement:
			done = append(done, open[len(open)-1])
			open = open[:len(open)-1]
		}
	}
}

// sign is a cell without the word that is read aloud beside its sign.
func sign(text string) string {
	text, _, _ = strings.Cut(text, " ")
	return text
}

// readHTML reads tables by their heads, lists and trees by the heading before them, up to the reasons.
func readHTML(t *testing.T, page string) []string {
	t.Helper()
	var out, columns []string
	var heading, row string
	at := 0
	for _, e := range elements(t, page) {
		switch {
		case e.attr["id"] == "reasons":
			return out
		case e.name == "h2" || e.name == "h3" || e.name == "h4":
			heading = e.text
		case e.name == "caption":
			columns = nil
		case e.name == "th" && e.attr["scope"] == "col":
			columns = append(columns, e.text)
		case e.name == "th" && e.attr["scope"] == "row":
			row, at = e.text, 0
		case e.name == "td":
			at++
			out = append(out, fmt.Sprintf("cell | %s | %s | %s | %s", heading, row, columns[at], sign(e.text)))
		case e.name == "li" && e.within[len(e.within)-1] == "lines":
			words := strings.SplitN(e.text, " ", 3)
			out = append(out, fmt.Sprintf("line | %s | %s | %s", heading, words[2], words[0]))
		case e.name == "pre":
			language := ""
			if strings.HasPrefix(e.text, "{") {
				language = "nix"
			}
			out = append(out, fencedBlock(heading, language, strings.Split(strings.TrimSuffix(e.text, "\n"), "\n"))...)
		}
	}
	t.Error("the page has no reasons")
	return out
}

var signs = map[string]string{"yes": "✅", "limited": "⚠️", "no": "❌"}

var (
	columnGap = regexp.MustCompile(`  +`)
	footnote  = regexp.MustCompile(` \[\d+\]$`)
)

// readText reads the terminal's form: words for marks, columns with two blanks between them.
func readText(text string) []string {
	text, _, _ = strings.Cut(text, "\nREASONS\n")
	var out []string
	for section := range strings.SplitSeq(text, "\n\n") {
		heading, body, _ := strings.Cut(section, "\n")
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], "  ")
		}
		out = append(out, readBody(heading, lines)...)
	}
	return out
}

// specialCase is the headings that the terminal's form writes in capitals and that have something under them.
var specialCase = map[string]string{
	"FEATURE COMPATIBILITY TABLE": "Feature Compatibility Table", "PERFORMANCE IMPACT MATRIX": "Performance Impact Matrix",
}

func readBody(heading string, lines []string) []string {
	if h := specialCase[heading]; h != "" {
		heading = h
	}
	var out []string
	switch {
	case strings.HasPrefix(lines[0], "{"):
		return fencedBlock(heading, "nix", lines)
	case len(lines) > 1 && strings.HasPrefix(lines[1], "├"):
		return fencedBlock(heading, "", lines)
	case strings.HasPrefix(lines[0], "Feature  ") || strings.HasPrefix(lines[0], "Backend  "):
		columns := columnGap.Split(lines[0], -1)
		for _, line := range lines[1:] {
			cells := columnGap.Split(line, -1)
			for i, c := range cells[1:] {
				c = footnote.ReplaceAllString(c, "")
				if s := signs[c]; s != "" {
					c = s
				}
				out = append(out, fmt.Sprintf("cell | %s | %s | %s | %s", heading, cells[0], columns[i+1], c))
			}
		}
		return out
	}
	for _, line := range lines {
		mark, words, _ := strings.Cut(line, "  ")
		if s := signs[footnote.ReplaceAllString(mark, "")]; s != "" {
			out = append(out, fmt.Sprintf("line | %s | %s | %s", heading, strings.TrimSpace(words), s))
		}
	}
	return out
}

func TestEveryMarkThatFallsShortLeadsToItsReasonAndTheWayToYes(t *testing.T) {
	d := document()
	used := map[string]bool{}
	check := func(where, mark, reason string) {
		short := mark == "limited" || mark == "none"
		r, n := d.Reason(reason)
		switch {
		case short && n == 0:
			t.Errorf("%s falls short without a reason", where)
		case !short && reason != "":
			t.Errorf("%s has a reason for nothing", where)
		case short && (r.Why == "" || r.Remedy == "" || r.Source == "" || string(r.Mark) != mark):
			t.Errorf("%s: %+v", where, r)
		}
		used[reason] = true
	}
	for _, s := range d.Sections {
		if s.Table != nil {
			for _, r := range s.Table.Rows {
				for i, c := range r.Cells {
					check(s.Title+", "+r.Name+", "+s.Table.Columns[i], string(c.Mark), c.Reason)
				}
			}
		}
		for _, l := range s.Lines {
			check(s.Title+", "+l.Text, string(l.Mark), l.Reason)
		}
	}
	md, page := d.Markdown(), d.HTML()
	for _, r := range d.Reasons {
		if !used[r.ID] {
			t.Errorf("nothing leads to reason %s", r.ID)
		}
		if strings.Count(md, "\n### "+r.Title+"\n") != 1 || !strings.Contains(md, "](#"+r.ID+")") {
			t.Errorf("md: %s is not linked, or not there", r.ID)
		}
		if strings.Count(page, `id="`+r.ID+`"`) != 1 || !strings.Contains(page, `href="#`+r.ID+`"`) {
			t.Errorf("html: %s is not linked, or not there", r.ID)
		}
	}
	if _, n := d.Reason("no-such"); n != 0 {
		t.Error("a reason that does not exist was found")
	}
}

func TestThePageNeedsNothingBesideItAndIsReadByEverybody(t *testing.T) {
	page := document().HTML()
	ids := map[string]bool{}
	var links []string
	last := 1
	for _, e := range elements(t, page) {
		if id := e.attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %s is there twice", id)
			}
			ids[id] = true
		}
		switch e.name {
		case "script", "link", "img", "iframe", "object":
			t.Errorf("the page has <%s>", e.name)
		case "a":
			links = append(links, e.attr["href"])
		case "table":
			if !strings.Contains(strings.Join(e.within, " "), "scroll") {
				t.Error("a wide table cannot be scrolled by itself")
			}
		case "th":
			if s := e.attr["scope"]; s != "col" && s != "row" {
				t.Errorf("the head %q says not of what it is the head", e.text)
			}
		case "h1", "h2", "h3", "h4":
			if level := int(e.name[1] - '0'); level > last+1 {
				t.Errorf("%q: a heading of level %d after one of %d", e.text, level, last)
			} else {
				last = level
			}
		case "html":
			if e.attr["lang"] != "en" {
				t.Error("the page does not say its language")
			}
		}
	}
	for _, l := range links {
		if !strings.HasPrefix(l, "#") || !ids[l[1:]] {
			t.Errorf("the link %s leads out of the page, or nowhere", l)
		}
	}
	if strings.Count(page, "<caption>") != strings.Count(page, "<table>") || strings.Count(page, "<table>") != 6 {
		t.Error("a table has no caption, or there are not six")
	}
	for _, want := range []string{"prefers-color-scheme: dark", `name="viewport"`, `<a class="skip"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, "url(") {
		t.Error("the page reaches for something else")
	}
}

// Contrast is that of WCAG 2.2, level AA: at least 4.5 between what is read and what it stands on.
func TestThePagesColoursCanBeReadInLightAndDark(t *testing.T) {
	schemes := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(document().HTML(), -1)
	if len(schemes) != 2 {
		t.Fatalf("%d schemes", len(schemes))
	}
	for _, s := range schemes {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]+)`).FindAllStringSubmatch(s[1], -1) {
			colour[m[1]] = luminance(m[2])
		}
		for _, ink := range []string{"ink", "soft", "yes", "part", "no", "link"} {
			for _, ground := range []string{"paper", "head"} {
				hi, lo := max(colour[ink], colour[ground]), min(colour[ink], colour[ground])
				if ratio := (hi + 0.05) / (lo + 0.05); ratio < 4.5 {
					t.Errorf("%s on %s: contrast %.1f", ink, ground, ratio)
				}
			}
		}
	}
}

// On a narrow screen a wide table comes in parts, each with the names of its rows; no cell is lost.
func TestAWideTableIsToldInParts(t *testing.T) {
	whole, parts := document().Text(0), document().Text(80)
	for line := range strings.Lines(parts) {
		if strings.HasPrefix(line, "  Live Migration ") && utf8.RuneCountInString(strings.TrimSpace(line)) > 78 {
			t.Errorf("too wide: %q", line)
		}
	}
	cells := func(text string) (n int) {
		text, _, _ = strings.Cut(text, "\nREASONS\n")
		return strings.Count(text, " yes") + strings.Count(text, " limited") + strings.Count(text, " no ")
	}
	if a, b := cells(whole), cells(parts); a != b || parts == whole {
		t.Errorf("%d marks, and %d in parts", a, b)
	}
}
