package nixlang

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

var jsonBuiltins = []primitive{
	{"toJSON", 1, func(m *machine, at pos, args []*value) (*value, error) {
		w := &jsonWriter{m: m, at: at}
		err := w.value(args[0])
		return stringValue(w.out.String()), err
	}},
	{"fromJSON", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.stringArg(args[0], at)
		if err != nil {
			return nil, err
		}
		return m.fromJSON(at, s)
	}},
}

// jsonWriter writes a value as builtins.toJSON does: a set that says how is its text, a set with
// outPath is that, and what has no JSON is an error.
type jsonWriter struct {
	m   *machine
	at  pos
	out strings.Builder
}

func (w *jsonWriter) put(s string) error {
	w.out.WriteString(s)
	return w.m.reserve(w.at, len(s), 1)
}

func (w *jsonWriter) value(v *value) error {
	if err := w.m.enter(w.at); err != nil {
		return err
	}
	defer func() { w.m.depth-- }()
	if err := w.m.force(v, w.at); err != nil {
		return err
	}
	switch v.tag {
	case tagNull, tagBool, tagInt:
		return w.put(scalarText(v))
	case tagFloat:
		return w.put(jsonFloat(v.float()))
	case tagString:
		return w.put(jsonText(v.str))
	case tagPath:
		_, err := w.m.text(v, w.at, coerceStrict)
		return err
	case tagList:
		return w.list(v.list())
	case tagAttrs:
		return w.attrs(v)
	default:
		return failf(w.at, "cannot convert %s to JSON", v.what())
	}
}

func (w *jsonWriter) list(l *list) error {
	for i, item := range l.items {
		if err := w.put(separator("[", i)); err != nil {
			return err
		}
		if err := w.value(item); err != nil {
			return err
		}
	}
	if len(l.items) == 0 {
		return w.put("[]")
	}
	return w.put("]")
}

func (w *jsonWriter) attrs(v *value) error {
	set := v.attrs()
	if set.get("__toString") != nil {
		s, err := w.m.text(v, w.at, coerceStrict)
		if err != nil {
			return err
		}
		return w.put(jsonText(s))
	}
	if out := set.get("outPath"); out != nil {
		return w.value(out.val)
	}
	for i, a := range set.items {
		if err := w.put(separator("{", i) + jsonText(a.name) + ":"); err != nil {
			return err
		}
		if err := w.value(a.val); err != nil {
			return traced(err, a.at, "while evaluating the attribute '%s'", a.name)
		}
	}
	if len(set.items) == 0 {
		return w.put("{}")
	}
	return w.put("}")
}

func separator(open string, i int) string {
	if i == 0 {
		return open
	}
	return ","
}

// jsonFloat prints a float for JSON, which has no word for the special numbers.
func jsonFloat(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "null"
	}
	return floatText(f)
}

// jsonText quotes as Nix does: control characters by number, everything else as it is.
func jsonText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s { // what is not UTF-8 comes out as U+FFFD
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// fromJSON reads one JSON value. Numbers without a dot or exponent are integers.
func (m *machine) fromJSON(at pos, s string) (*value, error) {
	if err := m.reserve(at, len(s), 8); err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	v, err := m.jsonValue(at, d)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("text after the value")
		}
	}
	if err == nil {
		return v, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, e
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, failf(at, "cannot read this as JSON, near byte %d: %v", d.InputOffset(), err)
}

func (m *machine) jsonValue(at pos, d *json.Decoder) (*value, error) {
	if err := m.enter(at); err != nil {
		return nil, err
	}
	defer func() { m.depth-- }()
	m.charge(sizeValue)
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case nil:
		return nullValue, nil
	case bool:
		return boolValue(t), nil
	case string:
		return stringValue(t), nil
	case json.Number:
		return jsonNumber(at, t.String())
	case json.Delim:
		if t == '[' {
			return m.jsonList(at, d)
		}
		return m.jsonAttrs(at, d)
	}
	return nil, fmt.Errorf("unexpected %v", t)
}

func jsonNumber(at pos, s string) (*value, error) {
	if !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return intValue(n), nil
		}
		return nil, failf(at, "the number %s in this JSON does not fit into 64 bits", shorten(s))
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, failf(at, "the number %s in this JSON is too large", shorten(s))
	}
	return floatValue(f), nil
}

func (m *machine) jsonList(at pos, d *json.Decoder) (*value, error) {
	var items []*value
	for d.More() {
		v, err := m.jsonValue(at, d)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := d.Token()
	return listValue(items), err
}

// jsonAttrs lets the last of two attributes of one name count.
func (m *machine) jsonAttrs(at pos, d *json.Decoder) (*value, error) {
	members := map[string]*value{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("unexpected %v, expected a name", t)
		}
		if members[name], err = m.jsonValue(at, d); err != nil {
			return nil, err
		}
	}
	m.charge(len(members) * sizeAttr)
	items := make([]attr, 0, len(members))
	for name, v := range members {
		items = append(items, attr{name: name, val: v})
	}
	_, err := d.Token()
	return attrsValue(newAttrs(items)), err
}
