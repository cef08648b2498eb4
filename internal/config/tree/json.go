package tree

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// jsonReader reads JSON (RFC 8259) and keeps where everything stands, which encoding/json does not
// tell. Keys written twice are refused. Strings are decoded by encoding/json.
type jsonReader struct {
	file   string
	src    string
	off    int
	last   place // the last one asked for
	budget budget
	twice  []Problem
}

// place is an offset and where that is. Places are asked for in the order of the text, and each is
// counted from the last: what travels is one long line.
type place struct{ off, line, column int }

// stop ends the reading of a text that cannot be read on.
type stop struct{ problem Problem }

// ReadJSON returns the tree of a JSON text that no file holds, or what is wrong with it.
func ReadJSON(file, src string) (root Node, found []Problem) {
	r := &jsonReader{file: file, src: src, last: place{line: 1, column: 1}}
	defer func() {
		switch s := recover().(type) {
		case nil:
		case stop:
			root, found = Node{}, slices.Concat(r.twice, []Problem{s.problem})
		default:
			panic(s)
		}
	}()
	if !utf8.ValidString(src) {
		r.off = len(src) - len(strings.TrimLeftFunc(src, func(c rune) bool { return c != utf8.RuneError }))
		r.fail(CodeSyntax, "is not UTF-8", "")
	}
	r.space()
	root = r.value(1)
	r.space()
	if r.off < len(src) {
		r.fail(CodeSyntax, "there is more after the end of the value: "+r.seen(), "")
	}
	return root, r.twice
}

// here is the place reached. Columns count characters, as editors do.
func (r *jsonReader) here() finding.Position {
	passed := r.src[r.last.off:r.off]
	if n := strings.Count(passed, "\n"); n > 0 {
		r.last.line, r.last.column = r.last.line+n, 1
		passed = passed[strings.LastIndexByte(passed, '\n')+1:]
	}
	r.last.off, r.last.column = r.off, r.last.column+utf8.RuneCountInString(passed)
	return finding.Position{File: r.file, Line: r.last.line, Column: r.last.column}
}

// fail ends the reading at the place reached. Only ReadJSON recovers it.
func (r *jsonReader) fail(code, what, hint string) {
	panic(stop{Problem{Code: code, Position: r.here(), What: what, Hint: hint}})
}

// seen names what stands at the place reached.
func (r *jsonReader) seen() string {
	if r.off >= len(r.src) {
		return "the end of the text"
	}
	c, _ := utf8.DecodeRuneInString(r.src[r.off:])
	return fmt.Sprintf("%q", c)
}

func (r *jsonReader) space() {
	for r.off < len(r.src) && strings.IndexByte(" \t\r\n", r.src[r.off]) >= 0 {
		r.off++
	}
	if rest := r.src[r.off:]; strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") || strings.HasPrefix(rest, "#") {
		r.fail(CodeSyntax, "JSON has no comments", "write the file in Nix or YAML, which have")
	}
}

// peek returns the byte at the place reached, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.off < len(r.src) {
		return r.src[r.off]
	}
	return 0
}

func (r *jsonReader) value(depth int) Node {
	if why, ok := r.budget.take(1, depth); !ok {
		r.fail(CodeBounds, why, "")
	}
	at := r.here()
	var n Node
	switch c := r.peek(); {
	case c == '{':
		n = r.object(depth)
	case c == '[':
		n = r.list(depth)
	case c == '"':
		n = Node{Kind: Text, Text: r.quoted()}
	case c == '-' || c >= '0' && c <= '9':
		n = r.number()
	default:
		n = r.word()
	}
	n.At = at
	return n
}

func (r *jsonReader) word() Node {
	rest := r.src[r.off:]
	for _, w := range []struct {
		word string
		node Node
	}{{"true", Node{Kind: Flag, Flag: true}}, {"false", Node{Kind: Flag}}, {"null", Node{Kind: Null}}} {
		if strings.HasPrefix(rest, w.word) {
			r.off += len(w.word)
			return w.node
		}
	}
	r.fail(CodeSyntax, "expected a value, found "+r.seen(), "")
	return Node{}
}

func (r *jsonReader) number() Node {
	end := r.off
	for end < len(r.src) && strings.IndexByte("+-.eE0123456789", r.src[end]) >= 0 {
		end++
	}
	digits := r.src[r.off:end]
	if !json.Valid([]byte(digits)) {
		r.fail(CodeSyntax, Shorten(digits)+" is not a number in JSON", "")
	}
	r.off = end
	if strings.ContainsAny(digits, ".eE") {
		return Node{Kind: Fraction, Text: digits}
	}
	return Node{Kind: Whole, Text: digits}
}

func (r *jsonReader) quoted() string {
	end := r.off + 1
	for end < len(r.src) && r.src[end] != '"' && r.src[end] != '\n' {
		if r.src[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(r.src) || r.src[end] != '"' {
		r.fail(CodeSyntax, "the string has no end on its line", "")
	}
	var s string
	if err := json.Unmarshal([]byte(r.src[r.off:end+1]), &s); err != nil {
		r.fail(CodeSyntax, "the string has an escape or a Control character that JSON does not know", "")
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		r.fail(CodeSyntax, "the string has a character that is not Unicode", "")
	}
	r.off = end + 1
	return s
}

func (r *jsonReader) list(depth int) Node {
	n := Node{Kind: List}
	r.each(']', "an item", func() { n.Items = append(n.Items, r.value(depth+1)) })
	return n
}

func (r *jsonReader) object(depth int) Node {
	n, known := Node{Kind: Object}, map[string]finding.Position{}
	r.each('}', "a key in quotes", func() {
		if r.peek() != '"' {
			r.fail(CodeSyntax, "expected a key in quotes, found "+r.seen(), "")
		}
		m := Member{At: r.here()}
		m.Name = r.quoted()
		r.space()
		if r.peek() != ':' {
			r.fail(CodeSyntax, fmt.Sprintf("expected ':' after key %q, found %s", Shorten(m.Name), r.seen()), "")
		}
		r.off++
		r.space()
		m.Value = r.value(depth + 1)
		if first, ok := known[m.Name]; ok {
			r.twice = append(r.twice, duplicate(m, first))
			return
		}
		known[m.Name] = m.At
		n.Members = append(n.Members, m)
	})
	return n
}

// duplicate says that m was written before, at first.
func duplicate(m Member, first finding.Position) Problem {
	return Problem{Code: CodeDuplicate, Position: m.At, What: fmt.Sprintf("key %q is written twice; first at %d:%d", Shorten(m.Name), first.Line, first.Column), Hint: "keep one of them"}
}

// each reads what stands between the bracket reached and its end, one item a call.
func (r *jsonReader) each(end byte, what string, item func()) {
	r.off++
	r.space()
	for first := true; r.peek() != end; first = false {
		if !first {
			if r.peek() != ',' {
				r.fail(CodeSyntax, fmt.Sprintf("expected ',' or '%c', found %s", end, r.seen()), "")
			}
			r.off++
			r.space()
			if r.peek() == end {
				r.fail(CodeSyntax, fmt.Sprintf("expected %s after ',', found '%c'", what, end), "take the last ',' away")
			}
		}
		item()
		r.space()
	}
	r.off++
}
