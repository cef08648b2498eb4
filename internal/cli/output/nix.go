package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// toNix writes a JSON value as a Nix expression, with its keys in their order.
func toNix(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n := nixWriter{in: d}
	if err := n.value(0); err != nil {
		return nil, err
	}
	n.out.WriteByte('\n')
	return n.out.Bytes(), nil
}

type nixWriter struct {
	in  *json.Decoder
	out bytes.Buffer
}

var errShape = errors.New("not a JSON value")

func (n *nixWriter) value(depth int) error {
	t, err := n.in.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		return n.group(t, depth)
	case string:
		n.out.WriteString(nixString(t))
	case json.Number:
		n.number(t, depth)
	case bool:
		fmt.Fprint(&n.out, t)
	case nil:
		n.out.WriteString("null")
	default:
		return errShape
	}
	return nil
}

// number puts a negative number in a list into parentheses: there it would be two elements.
func (n *nixWriter) number(v json.Number, depth int) {
	text := v.String()
	if strings.HasPrefix(text, "-") && depth > 0 {
		text = "(" + text + ")"
	}
	n.out.WriteString(text)
}

func (n *nixWriter) group(open json.Delim, depth int) error {
	ends := map[json.Delim]string{'{': "}", '[': "]"}
	closing, ok := ends[open]
	if !ok {
		return errShape
	}
	n.out.WriteString(open.String())
	empty := true
	for n.in.More() {
		n.out.WriteString("\n" + strings.Repeat("  ", depth+1))
		empty = false
		if err := n.element(open, depth); err != nil {
			return err
		}
	}
	if _, err := n.in.Token(); err != nil {
		return err
	}
	if empty {
		n.out.WriteByte(' ')
	} else {
		n.out.WriteString("\n" + strings.Repeat("  ", depth))
	}
	n.out.WriteString(closing)
	return nil
}

func (n *nixWriter) element(open json.Delim, depth int) error {
	if open == '[' {
		return n.value(depth + 1)
	}
	key, err := n.in.Token()
	if err != nil {
		return err
	}
	name, ok := key.(string)
	if !ok {
		return errShape
	}
	n.out.WriteString(nixKey(name) + " = ")
	if err := n.value(depth + 1); err != nil {
		return err
	}
	n.out.WriteByte(';')
	return nil
}

// nixString quotes s: what Nix would take for an escape or an antiquotation is escaped.
func nixString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", `\${`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

var nixWords = map[string]bool{
	"if": true, "then": true, "else": true, "assert": true, "with": true, "let": true, "in": true, "rec": true, "inherit": true, "or": true,
}

func nixKey(s string) string {
	plain := s != "" && !nixWords[s]
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		plain = plain && (letter || i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '\''))
	}
	if plain {
		return s
	}
	return nixString(s)
}
