package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// tokenStart is what the launcher looks for. No text of a user's may hold it.
const tokenStart = "{fd:"

// fd is the token that becomes the number of file or socket name.
func fd(name string) string { return tokenStart + name + "}" }

// options writes first and the key, value pairs of kv the way QemuOpts reads them: a comma in a value is doubled.
// Source: qemu/util/qemu-option.c, get_opt_value.
func options(first string, kv ...string) string {
	var out []string
	if first != "" {
		out = append(out, escape(first))
	}
	for i := 0; i+1 < len(kv); i += 2 {
		out = append(out, kv[i]+"="+escape(kv[i+1]))
	}
	return strings.Join(out, ",")
}

func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// object writes v as QEMU reads JSON on a command line. v is one of the structs of this package, which all
// encode; HTML escapes are off because people read command lines too.
func object(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a struct of strings and numbers always encodes
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// addFD hands a file to QEMU as an fdset, so that it can be opened by a name: /dev/fdset/SET.
func addFD(file string, set int) []string {
	return []string{"-add-fd", options("", "fd", fd(file), "set", strconv.Itoa(set), "opaque", file)}
}

func fdset(set int) string { return fmt.Sprintf("/dev/fdset/%d", set) }

func mebibytes(b model.Bytes) string { return strconv.FormatInt(int64(b/model.MiB), 10) + "M" }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
