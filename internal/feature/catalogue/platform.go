package catalogue

import "slices"

// Platform is one of the specification's operating systems.
type Platform string

// The platforms of the specification's Operating Systems table.
const (
	LinuxX86 Platform = "Linux x86_64"
	LinuxARM Platform = "Linux ARM64"
	BSD      Platform = "BSD"
	MacOS    Platform = "macOS"
	AnyOther Platform = "other" // none that the specification knows
	NotAsked Platform = ""      // the platform was not asked
)

// Platforms returns the specification's platforms in its order.
func Platforms() []Platform { return slices.Clone(platforms) }

var platforms = []Platform{LinuxX86, LinuxARM, BSD, MacOS}

// PlatformOf names the platform of a Go operating system and architecture.
func PlatformOf(goos, goarch string) Platform {
	switch {
	case goos == "linux" && goarch == "amd64":
		return LinuxX86
	case goos == "linux" && goarch == "arm64":
		return LinuxARM
	case goos == "freebsd", goos == "openbsd", goos == "netbsd", goos == "dragonfly":
		return BSD
	case goos == "darwin":
		return MacOS
	}
	return AnyOther
}

// Support returns how p supports id. inherited is true where the mark is not the feature's own: a
// platform that cannot run VMs has no use for what works on VMs.
func (c *Catalogue) Support(id ID, p Platform) (s Support, inherited bool) {
	switch {
	case p == NotAsked:
		return Support{Mark: Full}, false
	case !slices.Contains(platforms, p):
		return never("Hyper-NixOS knows Linux on x86_64 and ARM64, BSD and macOS", onLinux), id != VMManagement
	}
	if s, ok := c.features[c.index[id]].Platforms[p]; ok {
		return s, false
	}
	if root, ok := c.index[VMManagement]; ok {
		if s := c.features[root].Platforms[p]; s.Mark == Nothing {
			return s, true
		}
	}
	return Support{Mark: Full}, false
}
