package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// Plain is one plain value of a change, as a person reads it.
type Plain struct {
	Path string // below the change's own; empty where that is plain itself
	Text string // `"db"`, 64MiB, true, [ "a" "b" ]
}

// Values are the plain values that v, which stands at a path of a declaration and was read from JSON, comes to, in
// the order of their paths. Sizes have their unit.
func Values(path string, v any) []Plain {
	s, _ := theShape().at(path)
	return s.values("", v)
}

// IsList reports whether what stands at a path of a declaration is a list: a change of it is of one of its items.
func IsList(path string) bool {
	s, ok := theShape().at(path)
	return ok && s.form == formList
}

func (s *shape) values(path string, v any) []Plain {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return []Plain{{path, "{ }"}}
		}
		var out []Plain
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(out, s.below(key).values(keyPath(path, key), v[key])...)
		}
		return out
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = s.plain(item)
		}
		return []Plain{{path, strings.Join(append(append([]string{"["}, items...), "]"), " ")}}
	}
	return []Plain{{path, s.plain(v)}}
}

// below is the shape of a key, nil for one that nobody knows.
func (s *shape) below(key string) *shape {
	if s == nil {
		return nil
	}
	if s.form == formMap {
		return s.elem
	}
	f, _ := s.field(key)
	return f.shape
}

func (s *shape) plain(v any) string {
	if n, ok := v.(float64); ok && s != nil && s.form == formSize {
		return model.Bytes(n).String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
