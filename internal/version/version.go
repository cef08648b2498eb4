// Package version tells which build this is.
//
// What lives here: the one string that the build stamps. What does not: versions of the API (wire), of
// the declaration's shape (config) and of QEMU (host/probe).
package version

// Version is what `git describe --tags --always --dirty` said of the tree; the Makefile stamps it with
// -ldflags "-X …/internal/version.Version=…". Empty where go build was called by hand.
var Version string

// String returns the stamped version, or "devel" for a build that nobody stamped. It is never empty, and
// one word: it goes into user agents, audit records and file names.
func String() string {
	if Version == "" {
		return "devel"
	}
	return Version
}

// Release is the release that this tree becomes, and FirstRelease the one that was before all others. A build's
// Version says more exactly which tree it is of.
const (
	FirstRelease = "0.1.0"
	Release      = "0.1.0"
)
