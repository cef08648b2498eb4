package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
)

// packages are what a host has that runs our package, and what its tests ask the kernel with. Their
// dependencies come too, nothing that is only recommended.
var packages = []string{
	"systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2", "iputils-ping", "nftables", "pciutils", "strace",
	"lvm2", "dmsetup", "thin-provisioning-tools", "e2fsprogs", "adduser",
	"qemu-system-x86", "qemu-utils", "passt", "ovmf",
}

// source is what apt would install today.
type source struct {
	suite    string   // bookworm, trixie
	lines    []string // of a sources.list: this machine's own, as far as they are Debian's
	packages []string // name=version
	kernel   guest.Kernel
}

// newest asks apt's lists, which needs no network.
func newest(ctx context.Context) (source, error) {
	var s source
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return s, err
	}
	if s.suite, err = readSuite(string(release)); err != nil {
		return s, err
	}
	lines, err := output(ctx, "apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
		"Created-By: Packages", "Origin: Debian")
	if err != nil {
		return s, fmt.Errorf("apt's sources cannot be read: %w", err)
	}
	s.lines = readSources(string(lines), s.suite)
	if len(s.lines) == 0 {
		return s, fmt.Errorf("apt has no lists of Debian %s (hint: apt-get update)", s.suite)
	}
	show, err := output(ctx, "apt-cache", append([]string{"show", "--no-all-versions"}, packages...)...)
	if err != nil {
		return s, fmt.Errorf("apt does not know what the lab needs: %w (hint: apt-get update)", err)
	}
	if s.packages, err = readVersions(show, packages); err != nil {
		return s, err
	}
	s.kernel, err = guest.NewestKernel(ctx)
	return s, err
}

// readSuite finds the suite in an os-release(5).
func readSuite(text string) (string, error) {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[name] = strings.Trim(value, `"`)
		}
	}
	if fields["ID"] != "debian" || fields["VERSION_CODENAME"] == "" {
		return "", errors.New("the lab is made from the packages of the Debian that this machine runs, and it runs none: use Debian 12 or 13")
	}
	return fields["VERSION_CODENAME"], nil
}

// readSources keeps the lines of one suite, its updates and its security fixes: a machine may have
// backports or another release beside them.
func readSources(text, suite string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		switch f[2] {
		case suite, suite + "-updates", suite + "-security":
			lines = append(lines, strings.Join(f, " "))
		}
	}
	return lines
}

// readVersions reads the paragraphs of apt-cache show and returns name=version for each package, in the
// order asked for.
func readVersions(show []byte, names []string) ([]string, error) {
	versions := map[string]string{}
	name := ""
	lines := bufio.NewScanner(bytes.NewReader(show))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if p, ok := strings.CutPrefix(line, "Package: "); ok {
			name = p
		}
		if v, ok := strings.CutPrefix(line, "Version: "); ok && versions[name] == "" {
			versions[name] = v
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	var found []string
	for _, n := range names {
		if versions[n] == "" {
			return nil, fmt.Errorf("apt knows no %s (hint: apt-get update, on Debian 12 or 13)", n)
		}
		found = append(found, n+"="+versions[n])
	}
	return found, nil
}

// output returns what a program printed; an error carries the end of what it complained about.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(complaint.String())
		return nil, fmt.Errorf("%s: %w: %s", name, err, said[max(0, len(said)-800):])
	}
	return out.Bytes(), nil
}
