package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/nearest"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// maxUnknown is how many keys of a file of facts are named that are not known.
const maxUnknown = 5

// factsWalk goes through a text of facts beside their type. It finds what the decoder is silent on: a count below zero,
// which no host has, and keys that stand for nothing here. The text is one that was decoded.
type factsWalk struct {
	dec     *json.Decoder
	name    string
	text    []byte // the whole file
	from    int    // where in it the facts stand
	wrong   string // the first count below zero, with its place
	unknown []string
	more    int // unknown keys that are not named
}

func walkFacts(name string, text, inner []byte, from int) *factsWalk {
	w := &factsWalk{dec: json.NewDecoder(bytes.NewReader(inner)), name: name, text: text, from: from}
	w.dec.UseNumber()
	w.value(reflect.TypeFor[host.Facts](), "")
	if w.more > 0 {
		w.unknown = append(w.unknown, fmt.Sprintf("and %d more keys of it are not known here", w.more))
	}
	return w
}

// value reads one value; typ is nil where nothing is known of it.
func (w *factsWalk) value(typ reflect.Type, path string) {
	for typ != nil && typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	at := w.next()
	token, err := w.dec.Token()
	if err != nil {
		return
	}
	switch v := token.(type) {
	case json.Delim:
		for i := 0; w.dec.More(); i++ {
			if v == '{' {
				w.member(typ, path)
				continue
			}
			var elem reflect.Type
			if typ != nil && typ.Kind() == reflect.Slice {
				elem = typ.Elem()
			}
			w.value(elem, fmt.Sprintf("%s[%d]", path, i))
		}
		_, _ = w.dec.Token() // the end of it, which is there
	case json.Number:
		if typ != nil && counts(typ) && strings.HasPrefix(v.String(), "-") && w.wrong == "" {
			w.wrong = w.at(at) + ": " + path + " is " + v.String() + ", and no host has less than none"
		}
	}
}

func (w *factsWalk) member(typ reflect.Type, path string) {
	at := w.next()
	token, err := w.dec.Token()
	key, ok := token.(string)
	if err != nil || !ok {
		return
	}
	path = strings.TrimPrefix(path+"."+key, ".")
	if typ == nil || typ.Kind() != reflect.Struct {
		w.value(nil, path)
		return
	}
	names := map[string]reflect.Type{}
	var known []string
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		names[strings.ToLower(name)] = typ.Field(i).Type // as the decoder takes them
		known = append(known, name)
	}
	of, ok := names[strings.ToLower(key)]
	if !ok {
		w.strange(at, path, nearest.Names(key, known, 2))
	}
	w.value(of, path)
}

func (w *factsWalk) strange(at int, path string, near []string) {
	if len(w.unknown) == maxUnknown {
		w.more++
		return
	}
	text := w.at(at) + ": " + path + " is not known here, and not used"
	if len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	w.unknown = append(w.unknown, text)
}

// counts reports whether a number of that type is a count, a size or an id, none of which is below zero.
func counts(typ reflect.Type) bool {
	return typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64
}

// next is where the next token begins.
func (w *factsWalk) next() int {
	at := w.from + int(w.dec.InputOffset())
	for at < len(w.text) && strings.IndexByte(" \t\r\n,:", w.text[at]) >= 0 {
		at++
	}
	return at
}

func (w *factsWalk) at(offset int) string {
	p := within(w.text, offset)
	p.File = w.name
	return p.String()
}
