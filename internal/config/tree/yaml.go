package tree

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Bounds of YAML alone. The parser's time grows with the square of the tokens, of a line's length, of
// empty lines in a row, and faster with brackets inside brackets: 128 KiB of empty lines in a block
// scalar take it a minute. Within these bounds nothing was found that takes it a second; they leave
// room for some 300 VMs.
const (
	maxYAML     = 256 << 10 // bytes
	maxLine     = 8 << 10   // bytes of one line
	maxEmpty    = 64        // lines in a row with nothing on them
	maxTokens   = 20_000
	maxBrackets = 2 * MaxDepth
)

// yamlReader turns the parser's tree into ours. Plain scalars are read by the core schema of YAML
// 1.2: `yes`, `on` and `0777` are what they look like in Nix and JSON too (two strings, and 777).
type yamlReader struct {
	file    string
	budget  budget
	anchors map[string]anchor
	found   []Problem
}

// anchor is a value that an alias may stand for, and how many values it is.
type anchor struct {
	value Node
	size  int
	deep  int
}

// ReadYAML is ReadJSON for YAML.
func ReadYAML(file, src string) (root Node, found []Problem) { return readYAML(file, src) }

// readYAML returns the tree, or what is wrong with the text.
func readYAML(file, src string) (root Node, found []Problem) {
	r := &yamlReader{file: file, anchors: map[string]anchor{}}
	// The parser is not ours: a text that breaks it is a text that cannot be read.
	defer func() {
		if recover() != nil {
			root, found = Node{}, []Problem{{Code: CodeSyntax, Position: r.start(), What: "is not YAML that can be parsed"}}
		}
	}()
	if !utf8.ValidString(src) {
		return Node{}, []Problem{{Code: CodeSyntax, Position: r.start(), What: "is not UTF-8"}}
	}
	if p, ok := r.patient(src); !ok {
		return Node{}, []Problem{p}
	}
	tokens := lexer.Tokenize(src)
	if p, ok := r.bounded(tokens); !ok {
		return Node{}, []Problem{p}
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // ours tells all of them
	if err != nil {
		return Node{}, []Problem{r.syntax(err)}
	}
	body, ok := r.document(tree)
	if !ok {
		return Node{}, r.found
	}
	root, _ = r.value(body, 1)
	if root.Kind == Object {
		root.At = r.start()
	}
	return root, r.found
}

func (r *yamlReader) start() finding.Position {
	return finding.Position{File: r.file, Line: 1, Column: 1}
}

func (r *yamlReader) at(t *token.Token) finding.Position {
	if t == nil || t.Position == nil {
		return r.start()
	}
	return finding.Position{File: r.file, Line: max(t.Position.Line, 1), Column: max(t.Position.Column, 1)}
}

func (r *yamlReader) say(code string, t *token.Token, hint, format string, args ...any) {
	if len(r.found) <= MaxProblems {
		r.found = append(r.found, Problem{Code: code, Position: r.at(t), What: fmt.Sprintf(format, args...), Hint: hint})
	}
}

const hintLarge = "write a declaration of this size in JSON or Nix"

// patient refuses what the lexer would take too long for.
func (r *yamlReader) patient(src string) (Problem, bool) {
	refuse := func(line int, hint, format string, args ...any) (Problem, bool) {
		at := finding.Position{File: r.file, Line: line, Column: 1}
		return Problem{Code: CodeBounds, Position: at, What: fmt.Sprintf(format, args...), Hint: hint}, false
	}
	if len(src) > maxYAML {
		return refuse(1, hintLarge, "has %d bytes; YAML is read up to %d", len(src), maxYAML)
	}
	number, empty := 0, 0
	for line := range strings.SplitAfterSeq(strings.ReplaceAll(src, "\r", "\n"), "\n") {
		number++
		if empty++; strings.TrimSpace(line) != "" {
			empty = 0
		}
		if len(line) > maxLine {
			return refuse(number, "break the line, or write the file in JSON", "the line has more than %d bytes", maxLine)
		}
		if empty > maxEmpty {
			return refuse(number, "take some of them away", "more than %d empty lines in a row", maxEmpty)
		}
	}
	return Problem{}, true
}

// bounded refuses what the parser would take too long for.
func (r *yamlReader) bounded(tokens token.Tokens) (Problem, bool) {
	open := 0
	for i, t := range tokens {
		switch t.Type { //nolint:exhaustive // only brackets count
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		}
		if open > maxBrackets {
			return Problem{Code: CodeBounds, Position: r.at(t), What: fmt.Sprintf("more than %d brackets inside each other", maxBrackets)}, false
		}
		if i >= maxTokens {
			return Problem{Code: CodeBounds, Position: r.at(t), What: fmt.Sprintf("more than %d words and signs of YAML", maxTokens), Hint: hintLarge}, false
		}
	}
	return Problem{}, true
}

// syntaxError is what the parser's errors can tell.
type syntaxError interface {
	error
	GetMessage() string
	GetToken() *token.Token
}

func (r *yamlReader) syntax(err error) Problem {
	if e, ok := errors.AsType[syntaxError](err); ok {
		return Problem{Code: CodeSyntax, Position: r.at(e.GetToken()), What: shortenLine(e.GetMessage())}
	}
	return Problem{Code: CodeSyntax, Position: r.start(), What: shortenLine(err.Error())}
}

func shortenLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > maxShown {
		s = string(r[:maxShown]) + "…"
	}
	return s
}

// document returns the body of the one document.
func (r *yamlReader) document(tree *ast.File) (ast.Node, bool) {
	var body ast.Node
	for _, d := range tree.Docs {
		if d.Body == nil {
			continue
		}
		if directive, ok := d.Body.(*ast.DirectiveNode); ok {
			r.say(CodeSyntax, directive.GetToken(), "leave the line out: the file is read as YAML 1.2", "directives are not read")
			return nil, false
		}
		if body != nil {
			r.say(CodeSyntax, d.Start, "keep one document a file", "a second document begins here")
			return nil, false
		}
		body = d.Body
	}
	if body == nil {
		r.say(CodeSyntax, nil, "write hypervisor: {} for a host with nothing declared", "is empty")
	}
	return body, body != nil
}

// value returns n as ours, and how many levels it has below itself.
func (r *yamlReader) value(n ast.Node, depth int) (Node, int) {
	if why, ok := r.budget.take(1, depth); !ok {
		if len(r.found) == 0 || r.found[len(r.found)-1].Code != CodeBounds {
			r.say(CodeBounds, n.GetToken(), "", "%s", why)
		}
		return Node{}, 0
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mapping(n.Values, n.GetToken(), depth)
	case *ast.MappingValueNode:
		return r.mapping([]*ast.MappingValueNode{n}, n.GetToken(), depth)
	case *ast.SequenceNode:
		return r.sequence(n, depth)
	case *ast.AnchorNode:
		return r.anchor(n, depth)
	case *ast.AliasNode:
		return r.alias(n, depth)
	case *ast.LiteralNode:
		return Node{Kind: Text, Text: n.Value.Value, At: r.at(n.GetToken())}, 0
	case *ast.TagNode:
		r.say(CodeSyntax, n.GetToken(), "leave the tag out; put a string in quotes", "tag %q is not read", Shorten(n.GetToken().Value))
		return Node{}, 0
	case ast.ScalarNode:
		return r.scalar(n.GetToken()), 0
	}
	r.say(CodeSyntax, n.GetToken(), "", "%s is not read here", strings.ToLower(n.Type().String()))
	return Node{}, 0
}

func (r *yamlReader) mapping(values []*ast.MappingValueNode, at *token.Token, depth int) (Node, int) {
	out, deep, known := Node{Kind: Object, At: r.at(at)}, 0, map[string]finding.Position{}
	for i, v := range values {
		key, ok := r.key(v.Key)
		if !ok {
			continue
		}
		m := Member{Name: key.Value, At: r.at(key)}
		if i == 0 && at.Type == token.MappingValueType { // in block style the parser's place is the first ':'
			out.At = m.At
		}
		var d int
		m.Value, d = r.value(v.Value, depth+1)
		deep = max(deep, d+1)
		if first, twice := known[m.Name]; twice {
			r.found = append(r.found, duplicate(m, first))
			continue
		}
		known[m.Name] = m.At
		out.Members = append(out.Members, m)
	}
	return out, deep
}

// key returns the token of a key that is one plain or quoted word.
func (r *yamlReader) key(k ast.MapKeyNode) (*token.Token, bool) {
	switch k := k.(type) {
	case *ast.MergeKeyNode:
		r.say(CodeSyntax, k.GetToken(), "write the keys out", "merging by << is not part of YAML 1.2")
		return nil, false
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken(), true
	case *ast.MappingKeyNode:
		if s, ok := k.Value.(*ast.StringNode); ok {
			return s.GetToken(), true
		}
	}
	r.say(CodeSyntax, k.GetToken(), "", "a key has to be one word or a string")
	return nil, false
}

func (r *yamlReader) sequence(n *ast.SequenceNode, depth int) (Node, int) {
	out, deep := Node{Kind: List, At: r.at(n.GetToken())}, 0
	for _, v := range n.Values {
		item, d := r.value(v, depth+1)
		deep = max(deep, d+1)
		out.Items = append(out.Items, item)
	}
	return out, deep
}

func (r *yamlReader) anchor(n *ast.AnchorNode, depth int) (Node, int) {
	before := r.budget.nodes
	v, deep := r.value(n.Value, depth)
	// Known only from here on: an alias inside its own anchor has none.
	r.anchors[n.Name.GetToken().Value] = anchor{value: v, size: r.budget.nodes - before, deep: deep}
	return v, deep
}

func (r *yamlReader) alias(n *ast.AliasNode, depth int) (Node, int) {
	name := n.Value.GetToken().Value
	a, ok := r.anchors[name]
	if !ok {
		r.say(CodeSyntax, n.GetToken(), "", "alias *%s has no anchor &%s that ends before it", Shorten(name), Shorten(name))
		return Node{}, 0
	}
	if why, ok := r.budget.take(a.size, depth+a.deep); !ok {
		r.say(CodeBounds, n.GetToken(), "write fewer aliases of aliases", "alias *%s makes it %s", Shorten(name), why)
		return Node{}, 0
	}
	return a.value, a.deep
}

var (
	coreInt   = regexp.MustCompile(`^[-+]?[0-9]+$`)
	coreOct   = regexp.MustCompile(`^0o[0-7]+$`)
	coreHex   = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	coreFloat = regexp.MustCompile(`^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// scalar reads one scalar by the core schema (YAML 1.2.2, 10.3.2), whatever the parser took it for.
func (r *yamlReader) scalar(t *token.Token) Node {
	n := Node{Kind: Text, Text: t.Value, At: r.at(t)}
	if t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType {
		return n
	}
	switch s := t.Value; {
	case t.Type == token.ImplicitNullType, s == "null", s == "Null", s == "NULL", s == "~", s == "":
		return Node{Kind: Null, At: n.At}
	case s == "true" || s == "True" || s == "TRUE":
		return Node{Kind: Flag, Flag: true, At: n.At}
	case s == "false" || s == "False" || s == "FALSE":
		return Node{Kind: Flag, At: n.At}
	case coreInt.MatchString(s):
		n.Kind, n.Text = Whole, decimal(s)
	case coreOct.MatchString(s), coreHex.MatchString(s):
		v, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			r.say(CodeBounds, t, "", "%s is too large", Shorten(s))
		}
		n.Kind, n.Text = Whole, strconv.FormatInt(v, 10)
	case coreFloat.MatchString(s):
		n.Kind = Fraction
	}
	return n
}

// decimal takes the sign + and leading zeros away: JSON and Nix know neither.
func decimal(s string) string {
	digits, minus := strings.CutPrefix(strings.TrimPrefix(s, "+"), "-")
	digits = strings.TrimLeft(digits, "0")
	switch {
	case digits == "":
		return "0"
	case minus:
		return "-" + digits
	}
	return digits
}
