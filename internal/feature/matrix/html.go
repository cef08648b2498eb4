package matrix

import (
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

//go:embed page.html.tmpl
var page string

// marked is a mark as the page shows it: a sign for the eye and a word for everybody.
type marked struct{ Text, Word, Reason string }

var parsed = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"mark": func(m catalogue.Mark, text, reason string) marked { return marked{text, words[m], reason} },
		"draw": func(b *catalogue.Branch) []string { return Draw(*b) }, "label": func(b *catalogue.Branch) string { return Label(*b) },
		"sentence": sentence,
		"heading": func(level int, title string) template.HTML {
			return template.HTML(fmt.Sprintf("<h%d id=%q>%s</h%d>", level, "section-"+anchor(title), template.HTMLEscapeString(title), level)) //nolint:gosec // escaped on this line
		},
	}).Parse(page))
})

// HTML is the document as one page that needs nothing beside it: no script, no file, light and dark.
func (d Document) HTML() string {
	var b strings.Builder
	if err := parsed().Execute(&b, d); err != nil {
		panic("the matrix' page: " + err.Error()) // its template and its data are this build's
	}
	return b.String()
}
