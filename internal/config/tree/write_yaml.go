package tree

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// YAMLFromJSON writes a JSON value as YAML, in blocks, with its keys in their order. A string stands in quotes
// unless any reader of YAML, of 1.1 too, takes it for that string without.
func YAMLFromJSON(text []byte) ([]byte, error) {
	w := yamlWriter{in: json.NewDecoder(bytes.NewReader(text))}
	w.in.UseNumber()
	t, err := w.in.Token()
	if err == nil {
		err = w.value(t, 0, false)
	}
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot write the value as YAML").Because(err)
	}
	return bytes.TrimLeft(w.out.Bytes(), " \n"), nil
}

type yamlWriter struct {
	in  *json.Decoder
	out bytes.Buffer
}

// value writes what begins with t, at a depth, behind what stands on its line already. The first key of an item
// of a list stands behind its dash.
func (w *yamlWriter) value(t json.Token, depth int, item bool) error {
	open, group := t.(json.Delim)
	if !group {
		w.out.WriteString(" " + yamlScalar(t) + "\n")
		return nil
	}
	if !w.in.More() {
		w.out.WriteString(" " + map[json.Delim]string{'{': "{}", '[': "[]"}[open] + "\n")
		_, err := w.in.Token()
		return err
	}
	behind := item && open == '{'
	if behind {
		w.out.WriteByte(' ')
	} else {
		w.out.WriteByte('\n')
	}
	for w.in.More() {
		below, err := w.in.Token()
		if err != nil {
			return err
		}
		if !behind {
			w.out.WriteString(strings.Repeat("  ", depth))
		}
		behind = false
		if open == '{' {
			w.out.WriteString(yamlScalar(below) + ":")
			if below, err = w.in.Token(); err != nil {
				return err
			}
		} else {
			w.out.WriteByte('-')
		}
		if err := w.value(below, depth+1, open == '['); err != nil {
			return err
		}
	}
	_, err := w.in.Token()
	return err
}

func yamlScalar(t json.Token) string {
	switch t := t.(type) {
	case string:
		return yamlText(t)
	case json.Number:
		return t.String()
	case bool:
		if t {
			return "true"
		}
		return "false"
	}
	return "null"
}

// plainText is text that no reader takes for anything else; yamlWords are the words that some do.
var plainText = regexp.MustCompile(`^(/|[A-Za-z][A-Za-z0-9_./+-]*|[0-9]+(\.[0-9]+)?[KMGTP]iB|[0-9]+(\.[0-9]+){2,})([ =][A-Za-z0-9_./+=-]+)*$`)

var yamlWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}

func yamlText(s string) string {
	if plainText.MatchString(s) && !slices.Contains(yamlWords, strings.ToLower(s)) {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b) // what JSON escapes, YAML reads
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
