package lab

import (
	"context"
	"fmt"
	"os"
)

// Suite is the Debian that this machine runs, and where its packages come from: what other images than the lab's are
// made of too. It stands beside the recipe, for it changes nothing of the lab.
type Suite struct {
	Name  string   // bookworm, trixie
	Lines []string // of a sources.list
}

// ThisSuite asks apt's lists, which needs no network.
func ThisSuite(ctx context.Context) (Suite, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return Suite{}, err
	}
	name, err := readSuite(string(release))
	if err != nil {
		return Suite{}, err
	}
	lines, err := output(ctx, "apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
		"Created-By: Packages", "Origin: Debian")
	if err != nil {
		return Suite{}, fmt.Errorf("apt's sources cannot be read: %w", err)
	}
	s := Suite{Name: name, Lines: readSources(string(lines), name)}
	if len(s.Lines) == 0 {
		return Suite{}, fmt.Errorf("apt has no lists of Debian %s (hint: apt-get update)", name)
	}
	return s, nil
}

// Versions are name=version of packages, as apt would install them today.
func (Suite) Versions(ctx context.Context, packages []string) ([]string, error) {
	show, err := output(ctx, "apt-cache", append([]string{"show", "--no-all-versions"}, packages...)...)
	if err != nil {
		return nil, fmt.Errorf("apt does not know what is needed: %w (hint: apt-get update)", err)
	}
	return readVersions(show, packages)
}

// Run returns what a program printed; an error carries the end of what it complained about.
func Run(ctx context.Context, name string, args ...string) ([]byte, error) {
	return output(ctx, name, args...)
}
