package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Cgroup returns where a process stands in the version 2 hierarchy, as a path below its top (cgroups(7)).
func (fs FS) Cgroup(pid int) (string, error) {
	data, err := os.ReadFile(fs.file(pid, "cgroup"))
	if err != nil {
		return "", err
	}
	return ParseCgroup(string(data))
}

// ParseCgroup reads /proc/PID/cgroup: a line for each hierarchy, "number:controllers:path"; that of version 2 has
// number 0 and no controllers. A path that leads out of what we see of the hierarchy is none.
func ParseCgroup(text string) (string, error) {
	for line := range strings.Lines(text) {
		path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::/")
		if !ok {
			continue
		}
		if !filepath.IsLocal(path) {
			return "", fmt.Errorf("cgroup %.80q is not below the top", path)
		}
		return path, nil
	}
	return "", fmt.Errorf("no cgroup of version 2 in %.200q", text)
}
