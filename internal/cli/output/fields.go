package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Fields are names with their values, one a line, as `show` has them.
type Fields struct{ names, values []string }

// Add adds a field; one without a value is left away.
func (f *Fields) Add(name, value string) {
	if value = strings.TrimSpace(screen.Safe(value)); value != "" {
		f.names, f.values = append(f.names, screen.Safe(name)), append(f.values, value)
	}
}

// Write prints the fields, indented, their values below each other.
func (f *Fields) Write(w io.Writer) error { return f.write(w, 0) }

// Prose prints them as Write does, with values that are sentences: wrapped at the width of the screen.
func (f *Fields) Prose(s screen.Screen) error { return f.write(s, s.Page()) }

func (f *Fields) write(w io.Writer, page int) error {
	width := 12
	for _, n := range f.names {
		width = max(width, utf8.RuneCountInString(n))
	}
	var b strings.Builder
	for i, n := range f.names {
		below := strings.Repeat(" ", width+4)
		fmt.Fprintf(&b, "  %s%s  %s\n", n, strings.Repeat(" ", width-utf8.RuneCountInString(n)),
			strings.Join(screen.Wrap(f.values[i], page-len(below)), "\n"+below))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Flatten returns every value in v with its JSON path, in v's order; those at or below one of defaults
// are marked. A path named memory or size is a number of bytes.
func Flatten(v any, defaults []string) (*Fields, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot encode the result").Because(err)
	}
	f := &flattener{in: json.NewDecoder(bytes.NewReader(text)), defaults: defaults}
	f.in.UseNumber()
	if err := f.value(""); err != nil {
		return nil, fault.New(fault.Internal, "cannot read the result").Because(err)
	}
	return &f.out, nil
}

type flattener struct {
	in       *json.Decoder
	defaults []string
	out      Fields
}

func (f *flattener) value(path string) error {
	t, err := f.in.Token()
	if err != nil {
		return err
	}
	open, group := t.(json.Delim)
	if !group {
		f.leaf(path, t)
		return nil
	}
	for i := 0; f.in.More(); i++ {
		below := fmt.Sprintf("%s[%d]", path, i)
		if open == '{' {
			key, err := f.in.Token()
			if err != nil {
				return err
			}
			below = strings.TrimPrefix(fmt.Sprintf("%s.%s", path, key), ".")
		}
		if err := f.value(below); err != nil {
			return err
		}
	}
	_, err = f.in.Token()
	return err
}

func (f *flattener) leaf(path string, t json.Token) {
	text := fmt.Sprint(t)
	last := path[strings.LastIndexByte(path, '.')+1:]
	if n, ok := t.(json.Number); ok && (last == "memory" || last == "size") {
		if b, err := n.Int64(); err == nil {
			text = model.Bytes(b).String()
		}
	}
	if slices.ContainsFunc(f.defaults, func(d string) bool { return d == path || strings.HasPrefix(path, d+".") }) {
		text += " (default)"
	}
	f.out.Add(path, text)
}
