package nixlang

import (
	"crypto/md5"  //nolint:gosec // hashString offers what Nix offers
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"path"
	"strings"
)

var textBuiltins = []primitive{
	{"toString", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.text(args[0], at, coerceLoose)
		return stringValue(s), err
	}},
	{"stringLength", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.text(args[0], at, coerceStrict)
		return intValue(int64(len(s))), err
	}},
	{"substring", 3, substring},
	{"replaceStrings", 3, replaceStrings},
	{"concatStringsSep", 2, concatStringsSep},
	{"hashString", 2, hashString},
	{"baseNameOf", 1, func(m *machine, at pos, args []*value) (*value, error) {
		s, err := m.text(args[0], at, coercePaths)
		s = strings.TrimSuffix(s, "/")
		return stringValue(s[strings.LastIndexByte(s, '/')+1:]), err
	}},
	{"dirOf", 1, dirOf},
	{"unsafeDiscardStringContext", 1, asText},
	{"unsafeDiscardOutputDependency", 1, asText},
	{"hasContext", 1, func(m *machine, at pos, args []*value) (*value, error) {
		_, err := m.stringArg(args[0], at) // no string refers to a store here
		return falseValue, err
	}},
	{"getContext", 1, func(m *machine, at pos, args []*value) (*value, error) {
		_, err := m.stringArg(args[0], at)
		return attrsValue(emptyAttrs), err
	}},
}

func asText(m *machine, at pos, args []*value) (*value, error) {
	s, err := m.text(args[0], at, coerceStrict)
	return stringValue(s), err
}

func dirOf(m *machine, at pos, args []*value) (*value, error) {
	s, err := m.text(args[0], at, coercePaths)
	if err != nil {
		return nil, err
	}
	if args[0].tag == tagPath {
		return pathValue(path.Dir(s)), nil
	}
	switch i := strings.LastIndexByte(s, '/'); i {
	case -1:
		return stringValue("."), nil
	case 0:
		return stringValue("/"), nil
	default:
		return stringValue(s[:i]), nil
	}
}

// substring counts bytes; what lies past the end is empty, a negative length means all the rest.
func substring(m *machine, at pos, args []*value) (*value, error) {
	start, err := m.intArg(args[0], at)
	if err != nil {
		return nil, err
	}
	n, err := m.intArg(args[1], at)
	if err != nil {
		return nil, err
	}
	s, err := m.text(args[2], at, coerceStrict)
	if err != nil {
		return nil, err
	}
	if start < 0 {
		return nil, failf(at, "negative start position in 'substring'")
	}
	if start >= int64(len(s)) {
		return stringValue(""), nil
	}
	s = s[start:]
	if n >= 0 && n < int64(len(s)) {
		s = s[:n]
	}
	m.charge(sizeValue)
	return stringValue(s), nil
}

func (m *machine) stringsArg(v *value, at pos) ([]string, error) {
	l, err := m.listArg(v, at)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(l.items))
	for i, item := range l.items {
		if out[i], err = m.stringArg(item, at); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// replaceStrings goes through the text once; at each place the first match of the list wins.
func replaceStrings(m *machine, at pos, args []*value) (*value, error) {
	from, err := m.stringsArg(args[0], at)
	if err != nil {
		return nil, err
	}
	to, err := m.stringsArg(args[1], at)
	if err != nil {
		return nil, err
	}
	s, err := m.stringArg(args[2], at)
	if err != nil {
		return nil, err
	}
	if len(from) != len(to) {
		return nil, failf(at, "'from' and 'to' arguments to 'replaceStrings' have different lengths")
	}
	var out strings.Builder
	for i := 0; i <= len(s); {
		if err := m.step(at, 1+len(from)/8); err != nil {
			return nil, err
		}
		match := firstPrefix(s[i:], from)
		if match >= 0 {
			if err := m.reserve(at, len(to[match]), 1); err != nil {
				return nil, err
			}
			out.WriteString(to[match])
			i += len(from[match])
		}
		if match < 0 || from[match] == "" {
			if i < len(s) {
				out.WriteByte(s[i])
			}
			i++
		}
	}
	return stringValue(out.String()), nil
}

func firstPrefix(s string, prefixes []string) int {
	for i, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return i
		}
	}
	return -1
}

func concatStringsSep(m *machine, at pos, args []*value) (*value, error) {
	sep, err := m.stringArg(args[0], at)
	if err != nil {
		return nil, err
	}
	l, err := m.listArg(args[1], at)
	if err != nil {
		return nil, err
	}
	parts := make([]string, 0, 2*len(l.items))
	for i, item := range l.items {
		if i > 0 {
			parts = append(parts, sep)
		}
		s, err := m.text(item, at, coerceStrict)
		if err != nil {
			return nil, err
		}
		parts = append(parts, s)
	}
	return m.joinText(at, parts...)
}

func hashString(m *machine, at pos, args []*value) (*value, error) {
	kind, err := m.stringArg(args[0], at)
	if err != nil {
		return nil, err
	}
	s, err := m.stringArg(args[1], at)
	if err != nil {
		return nil, err
	}
	sum, ok := hashed(kind, s)
	if !ok {
		return nil, failf(at, "unknown hash type '%s', known are md5, sha1, sha256 and sha512", shorten(kind))
	}
	return stringValue(hex.EncodeToString(sum)), m.reserve(at, len(s)/8, 1)
}

func hashed(kind, s string) ([]byte, bool) {
	switch kind {
	case "md5":
		sum := md5.Sum([]byte(s)) //nolint:gosec // asked for by name
		return sum[:], true
	case "sha1":
		sum := sha1.Sum([]byte(s)) //nolint:gosec // asked for by name
		return sum[:], true
	case "sha256":
		sum := sha256.Sum256([]byte(s))
		return sum[:], true
	case "sha512":
		sum := sha512.Sum512([]byte(s))
		return sum[:], true
	}
	return nil, false
}
