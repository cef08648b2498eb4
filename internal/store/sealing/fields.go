package sealing

import (
	"bytes"
	"slices"
)

// Fields are which strings in a value are secrets: names of members, by the name of the member whose object they
// stand in. Members of the value itself stand under "".
type Fields map[string][]string

// span is where a JSON string begins and ends in a value, quotes and all.
type span struct {
	from, to int
	top      bool // it is a member of the value itself
}

// maxDepth is how deep a secret may stand.
const maxDepth = 64

// secrets returns where the secrets of a value are, but for empty ones. What is no JSON has none.
func (f Fields) secrets(value []byte) []span {
	if !f.maybe(value) {
		return nil
	}
	var (
		found []span
		names [maxDepth + 1]string // of the member that is being read, by depth
		depth int
	)
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return found
			}
			names[depth] = ""
		case '}', ']':
			if depth--; depth < 0 {
				return found
			}
		case '"':
			end := stringEnd(value, i)
			if end < 0 {
				return found
			}
			text := value[i+1 : end-1]
			switch {
			case isName(value, end):
				names[depth] = string(text)
			case depth > 0 && len(text) > 0 && slices.Contains(f[names[depth-1]], names[depth]): // #nosec G602 -- depth is 1 to maxDepth
				found = append(found, span{i, end, depth == 1})
			}
			i = end - 1
		}
	}
	return found
}

// maybe is a quick no for most values.
func (f Fields) maybe(value []byte) bool {
	for parent, members := range f {
		if parent != "" {
			members = []string{parent}
		}
		for _, m := range members {
			if bytes.Contains(value, []byte(`"`+m+`"`)) {
				return true
			}
		}
	}
	return false
}

// stringEnd returns where the JSON string at from ends; -1 if it does not.
func stringEnd(value []byte, from int) int {
	for i := from + 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// isName reports whether a colon is what comes next.
func isName(value []byte, at int) bool {
	rest := bytes.TrimLeft(value[at:min(len(value), at+16)], " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// look is what was found of secrets in a value.
type look struct {
	foreign bool // one is sealed with another key
	whole   bool // one of those is a member of the value itself, which is nothing without it
	clear   bool // one is not sealed
}

func (f Fields) look(value []byte, b *box) (l look) {
	for _, at := range f.secrets(value) {
		switch name, _, _, sealed := split(value[at.from:at.to]); {
		case !sealed:
			l.clear = true
		case name != b.name:
			l.foreign, l.whole = true, l.whole || at.top
		}
	}
	return l
}

// seal returns value with its secrets in boxes, and whether it has any.
func (f Fields) seal(key string, value []byte, b *box) ([]byte, bool) {
	out, err := f.replace(value, func(literal []byte) ([]byte, error) { return b.seal(key, literal), nil })
	return out, err == nil && len(out) != len(value)
}

// open returns value with its boxes opened; value itself where it has none.
func (f Fields) open(key string, value []byte, b *box) ([]byte, error) {
	if !bytes.Contains(value, []byte(boxHead)) {
		return value, nil
	}
	return f.replace(value, func(literal []byte) ([]byte, error) { return b.open(key, literal) })
}

func (f Fields) replace(value []byte, with func(literal []byte) ([]byte, error)) ([]byte, error) {
	at := f.secrets(value)
	if len(at) == 0 {
		return value, nil
	}
	out, done := make([]byte, 0, len(value)+len(at)*headLen), 0
	for _, s := range at {
		literal, err := with(value[s.from:s.to])
		if err != nil {
			return nil, err
		}
		out, done = append(append(out, value[done:s.from]...), literal...), s.to
	}
	return append(out, value[done:]...), nil
}
