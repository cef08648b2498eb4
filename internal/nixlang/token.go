package nixlang

import "strings"

// tokenKind is what the lexer tells apart.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokID
	tokInt
	tokFloat
	tokURI
	tokSearchPath // <nixpkgs>
	tokPath       // the first piece of a path
	tokHomePath   // ~/x
	tokPathText   // a later piece of a path
	tokPathEnd
	tokString // opens "…"
	tokStringText
	tokStringEnd
	tokIndented // opens ''…''
	tokIndentedText
	tokIndentedEscape // text in ''…'' that came from an escape: never counts as indentation
	tokIndentedEnd
	tokInterpolation // ${
	tokLBrace
	tokRBrace
	tokLParen
	tokRParen
	tokLBracket
	tokRBracket
	tokSemicolon
	tokColon
	tokComma
	tokDot
	tokEllipsis
	tokAt
	tokAssign
	tokQuestion
	tokIf
	tokThen
	tokElse
	tokAssert
	tokWith
	tokLet
	tokIn
	tokRec
	tokInherit
	tokOrKeyword
	tokImplies
	tokOr
	tokAnd
	tokEq
	tokNe
	tokLess
	tokLessEq
	tokGreater
	tokGreaterEq
	tokUpdate
	tokNot
	tokPlus
	tokMinus
	tokTimes
	tokDivide
	tokConcat
)

// token is one piece of a source. text is the piece as written, or, for string text, what it means.
type token struct {
	kind tokenKind
	off  int
	text string
}

var keywords = map[string]tokenKind{
	"if": tokIf, "then": tokThen, "else": tokElse, "assert": tokAssert, "with": tokWith,
	"let": tokLet, "in": tokIn, "rec": tokRec, "inherit": tokInherit, "or": tokOrKeyword,
}

// punctuation is tried in this order, so longer marks stand before their beginnings.
var punctuation = []struct {
	text string
	kind tokenKind
}{
	{"...", tokEllipsis},
	{"==", tokEq}, {"!=", tokNe}, {"<=", tokLessEq}, {">=", tokGreaterEq}, {"&&", tokAnd},
	{"||", tokOr}, {"->", tokImplies}, {"//", tokUpdate}, {"++", tokConcat}, {"${", tokInterpolation},
	{"{", tokLBrace}, {"}", tokRBrace}, {"(", tokLParen}, {")", tokRParen}, {"[", tokLBracket},
	{"]", tokRBracket}, {";", tokSemicolon}, {":", tokColon}, {",", tokComma}, {".", tokDot},
	{"@", tokAt}, {"=", tokAssign}, {"?", tokQuestion}, {"<", tokLess}, {">", tokGreater},
	{"!", tokNot}, {"+", tokPlus}, {"-", tokMinus}, {"*", tokTimes}, {"/", tokDivide},
}

// names of the kinds that are not shown as they are written.
var tokenNames = map[tokenKind]string{
	tokEOF: "end of file", tokID: "a name", tokInt: "a number", tokFloat: "a number",
	tokURI: "a URI", tokSearchPath: "a search path", tokPath: "a path", tokHomePath: "a path",
	tokPathText: "a path", tokPathEnd: "the end of a path",
	tokString: "a string", tokStringText: "string text", tokStringEnd: `'"'`,
	tokIndented: "a string", tokIndentedText: "string text", tokIndentedEscape: "string text",
	tokIndentedEnd: "two single quotes",
}

func (k tokenKind) String() string {
	if name, ok := tokenNames[k]; ok {
		return name
	}
	for _, p := range punctuation {
		if p.kind == k {
			return "'" + p.text + "'"
		}
	}
	for word, kind := range keywords {
		if kind == k {
			return "'" + word + "'"
		}
	}
	return "nothing"
}

// describe names a token that was met: its kind, and its text where that helps.
func (t token) describe() string {
	switch t.kind {
	case tokID, tokInt, tokFloat, tokURI, tokSearchPath, tokPath, tokHomePath:
		return strings.TrimPrefix(t.kind.String(), "a ") + " '" + t.text + "'"
	default:
		return t.kind.String()
	}
}
