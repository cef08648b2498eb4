package nixlang

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// FromJSON writes a JSON value as a Nix expression, laid out, with its keys in their order and a newline at its end.
func FromJSON(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	w := layout{in: d}
	if err := w.value(0); err != nil {
		return nil, err
	}
	w.out.WriteByte('\n')
	return w.out.Bytes(), nil
}

type layout struct {
	in  *json.Decoder
	out bytes.Buffer
}

var errNotJSON = errors.New("not a JSON value")

func (w *layout) value(depth int) error {
	t, err := w.in.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		return w.group(t, depth)
	case string:
		w.out.WriteString(quoteText(t))
	case json.Number:
		w.number(t, depth)
	case bool:
		fmt.Fprint(&w.out, t)
	case nil:
		w.out.WriteString("null")
	default:
		return errNotJSON
	}
	return nil
}

// number puts a negative number in a list into parentheses: there it would be two elements.
func (w *layout) number(v json.Number, depth int) {
	text := v.String()
	if strings.HasPrefix(text, "-") && depth > 0 {
		text = "(" + text + ")"
	}
	w.out.WriteString(text)
}

func (w *layout) group(open json.Delim, depth int) error {
	ends := map[json.Delim]string{'{': "}", '[': "]"}
	closing, ok := ends[open]
	if !ok {
		return errNotJSON
	}
	w.out.WriteString(open.String())
	empty := true
	for w.in.More() {
		w.out.WriteString("\n" + strings.Repeat("  ", depth+1))
		empty = false
		if err := w.element(open, depth); err != nil {
			return err
		}
	}
	if _, err := w.in.Token(); err != nil {
		return err
	}
	if empty {
		w.out.WriteByte(' ')
	} else {
		w.out.WriteString("\n" + strings.Repeat("  ", depth))
	}
	w.out.WriteString(closing)
	return nil
}

func (w *layout) element(open json.Delim, depth int) error {
	if open == '[' {
		return w.value(depth + 1)
	}
	key, err := w.in.Token()
	if err != nil {
		return err
	}
	name, ok := key.(string)
	if !ok {
		return errNotJSON
	}
	w.out.WriteString(Name(name) + " = ")
	if err := w.value(depth + 1); err != nil {
		return err
	}
	w.out.WriteByte(';')
	return nil
}

// quoteText quotes s: what Nix would take for an escape or an antiquotation is escaped.
func quoteText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", `\${`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

var noKey = map[string]bool{
	"if": true, "then": true, "else": true, "assert": true, "with": true, "let": true, "in": true, "rec": true, "inherit": true, "or": true,
}

// Name writes the name of an attribute: in quotes where it is a word of the language, or no word at all.
func Name(s string) string {
	plain := s != "" && !noKey[s]
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		plain = plain && (letter || i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '\''))
	}
	if plain {
		return s
	}
	return quoteText(s)
}
