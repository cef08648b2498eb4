package nixlang

import (
	"fmt"
	"strings"
	"testing"
)

// tokens lexes src and shows kind and text of every token.
func tokens(src string) string {
	l := newLexer(&source{name: "x", text: src})
	var out []string
	for {
		t, err := l.next()
		if err != nil {
			return strings.Join(append(out, "error"), " ")
		}
		if t.kind == tokEOF {
			return strings.Join(out, " ")
		}
		out = append(out, fmt.Sprintf("%s«%s»", names[t.kind], t.text))
	}
}

var names = map[tokenKind]string{
	tokID: "id", tokInt: "int", tokFloat: "float", tokURI: "uri", tokSearchPath: "search", tokPath: "path",
	tokHomePath: "home", tokPathText: "more", tokPathEnd: "end", tokString: "", tokStringText: "text", tokStringEnd: "",
	tokIndented: "", tokIndentedText: "text", tokIndentedEscape: "escape", tokOrKeyword: "or", tokIf: "if",
}

func TestTheLongestWordWins(t *testing.T) {
	for src, want := range map[string]string{
		"a-b":           "id«a-b»",
		"a - b":         "id«a» «-» id«b»",
		"a-1":           "id«a-1»",
		"a' b''c":       "id«a'» id«b''c»",
		"1.5.2":         "float«1.5» float«.2»",
		"1.":            "float«1.»",
		"0.":            "int«0» «.»",
		"00.5":          "int«00» float«.5»",
		".5e-3x":        "float«.5e-3» id«x»",
		"1e3":           "int«1» id«e3»",
		"1.5e":          "float«1.5» id«e»",
		"a:b":           "uri«a:b»",
		"a: b":          "id«a» «:» id«b»",
		"http://a/b?c":  "uri«http://a/b?c»",
		"a/b":           "path«a/b» end«»",
		"1/2":           "path«1/2» end«»",
		"1 / 2":         "int«1» «/» int«2»",
		"./a.b/../c":    "path«./a.b/../c» end«»",
		"a.b":           "id«a» «.» id«b»",
		"a.b/c":         "path«a.b/c» end«»",
		"a//b":          "id«a» «//» id«b»",
		"./a/${b}c/d":   "path«./a/» «${» id«b» «}» more«c/d» end«»",
		"./a${b}":       "path«./a» «${» id«b» «}» end«»",
		"~/a":           "home«~/a» end«»",
		"<a/b>":         "search«<a/b>»",
		"a<b>c":         "id«a» search«<b>» id«c»",
		"<a.b/":         "«<» id«a» «.» id«b» «/»",
		"./a/ b":        "path«./a/» error",
		"or orr if iff": "or«or» id«orr» if«if» id«iff»",
		"a//*c*/b":      "id«a» «//» «*» id«c» «*» path«/b» end«»",
		"a/*c*/b#d\n e": "id«a» id«b» id«e»",
		"a#b\rc":        "id«a» id«c»",
		"->-> ...":      "«->» «->» «...»",
		"....":          "«...» «.»",
		"a?b":           "id«a» «?» id«b»",
		"§":             "error",
		"/*":            "error",
	} {
		if got := tokens(src); got != want {
			t.Errorf("%s:\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestTextIsReadAsItsStringWantsIt(t *testing.T) {
	for src, want := range map[string]string{
		`"a\n\t\r\\\"\$\x"`: `«"» text«` + "a\n\t\r\\\"$x" + `» «"»`,
		`"a$b$$${c}"`:       `«"» text«a$b$$» «${» id«c» «}» «"»`,
		`"$"`:               `«"» text«$» «"»`,
		`"$\${"`:            `«"» text«$${» «"»`,
		`"${"${a}"}"`:       `«"» «${» «"» «${» id«a» «}» «"» «}» «"»`,
		`"${{ a = 1; }.a}"`: `«"» «${» «{» id«a» «=» int«1» «;» «}» «.» id«a» «}» «"»`,
		"\"a\r\nb\rc\"":     "«\"» text«a\nb\nc» «\"»",
		"''a'''b''${c}''":   `«''» text«a» escape«''» text«b» escape«$» text«{c}» «''»`,
		"''a''\\nb''":       "«''» text«a» escape«\n» text«b» «''»",
		"''$''":             "«''» escape«$» «''»",
		"''a'b''":           "«''» text«a'b» «''»",
		"''  \n a''":        "«''  \n» text« a» «''»",
		"''a'${b}''":        "«''» text«a» escape«'» «${» id«b» «}» «''»",
		`"a`:                `«"» error`,
		`''a`:               `«''» error`,
		`"${`:               `«"» «${»`,
	} {
		if got := tokens(src); strings.TrimSpace(got) != want && got != want {
			if strings.HasSuffix(want, "error") && strings.HasSuffix(got, "error") {
				continue
			}
			t.Errorf("%q:\n got %q\nwant %q", src, got, want)
		}
	}
}
