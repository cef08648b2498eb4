package ovf

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Sum is a checksum: "sha256", and its hex.
type Sum struct{ Hash, Hex string }

var manifestLine = regexp.MustCompile(`^(SHA1|SHA256|SHA512)\s*\(([^()]{1,255})\)\s*=\s*([0-9a-fA-F]{40,128})$`)

// hexLength is how long each is.
var hexLength = map[string]int{"sha1": 40, "sha256": 64, "sha512": 128}

// ReadManifest reads what stands in a .mf: a sum for each file. SHA-1 is read too, for older appliances have no other.
func ReadManifest(text []byte) (map[string]Sum, error) {
	if len(text) > MaxManifest {
		return nil, fault.New(fault.Invalid, "the manifest is longer than %d bytes", MaxManifest).WithCode(CodeSum)
	}
	sums := map[string]Sum{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		m := manifestLine.FindStringSubmatch(line)
		hash, sum := "", ""
		if len(m) == 4 {
			hash, sum = strings.ToLower(m[1]), strings.ToLower(m[3])
		}
		if sum == "" || len(sum) != hexLength[hash] {
			return nil, fault.New(fault.Invalid, "a line of the manifest is no checksum: %.60q", line).WithCode(CodeSum)
		}
		if _, twice := sums[m[2]]; twice {
			return nil, fault.New(fault.Invalid, "the manifest has two sums of %.60q", m[2]).WithCode(CodeSum)
		}
		sums[m[2]] = Sum{hash, sum}
	}
	return sums, nil
}

// WriteManifest writes SHA-256 sums by file.
func WriteManifest(sums map[string]string) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "SHA256(%s)= %s\n", name, sums[name])
	}
	return []byte(b.String())
}

// PlainName reports whether a name is one of a file beside the descriptor, and leads nowhere else.
func PlainName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.ContainsAny(name, "/\\:") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}
