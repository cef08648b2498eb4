package store

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The shape of our keys. Names are escaped (%2F for a slash), so that no name can reach into
// another's keys; an empty part makes a key that Commit refuses.
//
//	/hv/v1/<kind>/<project>/<name>                   the spec, one key per object
//	/hv/v1/<kind>-status/<project>/<name>/<writer>   the status, one key per writer
//	/hv/v1/claim/<what>/<project or ->/<name>        who holds what
const (
	// Root is the prefix of all our keys, with the version of their shape.
	Root = "/hv/v1/"
	// DefaultProject is the project of a host that knows no others.
	DefaultProject = "default"
	// HostWide stands in a claim's project for what exists once on a host, such as a MAC address.
	HostWide = "-"

	statusSuffix = "-status"
	claimKind    = "claim"
)

// Ref names an object.
type Ref struct {
	Kind    string // "vm"
	Project string
	Name    string
}

func (r Ref) String() string {
	if r.Project == DefaultProject {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Project + "/" + r.Name
}

// SpecKey returns the key of an object's spec.
func SpecKey(r Ref) string { return SpecPrefix(r.Kind) + escape(r.Project) + "/" + escape(r.Name) }

// SpecPrefix returns the prefix of the specs of a kind, in all projects.
func SpecPrefix(kind string) string { return Root + escape(kind) + "/" }

// StatusKey returns the key of what one writer has seen of an object.
func StatusKey(r Ref, writer string) string { return StatusPrefix(r) + escape(writer) }

// StatusPrefix returns the prefix of all statuses of an object.
func StatusPrefix(r Ref) string {
	return StatusesPrefix(r.Kind) + escape(r.Project) + "/" + escape(r.Name) + "/"
}

// StatusesPrefix returns the prefix of the statuses of a kind.
func StatusesPrefix(kind string) string { return Root + escape(kind) + statusSuffix + "/" }

// ClaimKey returns the key that stands for the exclusive use of something: what is its sort
// ("disk", "mac"), project is HostWide for what is not in a project.
func ClaimKey(what, project, name string) string {
	return ClaimPrefix(what) + escape(project) + "/" + escape(name)
}

// ClaimPrefix returns the prefix of all claims of one sort.
func ClaimPrefix(what string) string { return Root + claimKind + "/" + escape(what) + "/" }

// ParseSpec reads a key made by SpecKey.
func ParseSpec(key string) (Ref, error) {
	parts, err := split(key, 3)
	if err != nil {
		return Ref{}, err
	}
	if parts[0] == claimKind || strings.HasSuffix(parts[0], statusSuffix) {
		return Ref{}, fault.New(fault.Invalid, "key %q is not the key of a spec", key)
	}
	return Ref{Kind: parts[0], Project: parts[1], Name: parts[2]}, nil
}

// ParseStatus reads a key made by StatusKey.
func ParseStatus(key string) (r Ref, writer string, err error) {
	parts, err := split(key, 4)
	if err != nil {
		return Ref{}, "", err
	}
	kind, ok := strings.CutSuffix(parts[0], statusSuffix)
	if !ok || kind == "" {
		return Ref{}, "", fault.New(fault.Invalid, "key %q is not the key of a status", key)
	}
	return Ref{Kind: kind, Project: parts[1], Name: parts[2]}, parts[3], nil
}

// ParseClaim reads a key made by ClaimKey.
func ParseClaim(key string) (what, project, name string, err error) {
	parts, err := split(key, 4)
	if err != nil {
		return "", "", "", err
	}
	if parts[0] != claimKind {
		return "", "", "", fault.New(fault.Invalid, "key %q is not the key of a claim", key)
	}
	return parts[1], parts[2], parts[3], nil
}

// split returns the n unescaped parts of a key after Root.
func split(key string, n int) ([]string, error) {
	rest, ok := strings.CutPrefix(key, Root)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != n {
		return nil, fault.New(fault.Invalid, "key %q does not have the shape of ours", key)
	}
	for i, p := range parts {
		name, ok := unescape(p)
		if !ok || name == "" {
			return nil, fault.New(fault.Invalid, "key %q does not have the shape of ours", key)
		}
		parts[i] = name
	}
	return parts, nil
}

// plain reports whether a byte stands for itself in a key.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:@+=,~", c) >= 0
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if plain(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// unescape is the inverse of escape, and of it only: each name has one key.
func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		var c byte
		if i+2 >= len(s) {
			return "", false
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err != nil {
			return "", false
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), escape(b.String()) == s
}
