package guest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The kernel's package depends on the image package that carries the release in its name. Neither is
// installed: installing a kernel would rebuild the host's initramfs and change its boot menu.
const busyboxPackage = "busybox-static"

// deb is a Debian package of one version.
type deb struct{ name, version string }

func (d deb) String() string { return d.name + " " + d.version }

// wanted is what apt would install today.
type wanted struct {
	kernel, busybox deb
	release         string // uname -r of the kernel
}

// imageDependency is the versioned dependency of the kernel package: "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)".
var imageDependency = regexp.MustCompile(`\blinux-image-(\d[^\s,]*) \(= ([^)]+)\)`)

// candidates asks apt's lists, which needs no network.
func (p port) candidates(ctx context.Context) (wanted, error) {
	out, err := run(ctx, "", "apt-cache", append(slices.Clone(p.apt), "show", "--no-all-versions", p.kernelPackage, busyboxPackage)...)
	if err != nil {
		return wanted{}, fmt.Errorf("apt knows no %s: %w (hint: apt-get update, on Debian 12 or 13)", p.kernelPackage, err)
	}
	return readCandidates(out, p.kernelPackage)
}

func readCandidates(show []byte, kernelPackage string) (wanted, error) {
	var w wanted
	fields := map[string]string{}
	take := func() {
		switch fields["Package"] {
		case kernelPackage:
			if m := imageDependency.FindStringSubmatch(fields["Depends"]); m != nil {
				w.release, w.kernel = m[1], deb{"linux-image-" + m[1], m[2]}
			}
		case busyboxPackage:
			w.busybox = deb{busyboxPackage, fields["Version"]}
		}
		clear(fields)
	}
	lines := bufio.NewScanner(bytes.NewReader(show))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			take()
		}
		if name, value, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, " ") {
			fields[name] = value
		}
	}
	take()
	if err := lines.Err(); err != nil {
		return wanted{}, err
	}
	if w.release == "" || w.busybox.version == "" {
		return wanted{}, fmt.Errorf("apt's lists do not hold both %s and %s (hint: apt-get update, on Debian 12 or 13)", kernelPackage, busyboxPackage)
	}
	return w, nil
}

// roots are the folders in which the packages' files stand as they would under /. runs is that of a busybox
// that runs here: it says which applets there are.
type roots struct{ kernel, busybox, runs string }

// unpack finds the files of both packages: on the host where that very version is installed, else from a
// download into dir.
func (p port) unpack(ctx context.Context, w wanted, dir string) (roots, error) {
	kernel, errKernel := p.unpackOne(ctx, w.kernel, filepath.Join(dir, "kernel"), "boot/vmlinuz-"+w.release)
	busybox, errBusybox := p.unpackOne(ctx, w.busybox, filepath.Join(dir, "busybox"), "bin/busybox", "usr/bin/busybox")
	r := roots{kernel, busybox, busybox}
	if p.native() || errBusybox != nil {
		return r, errors.Join(errKernel, errBusybox)
	}
	own, err := amd64.candidates(ctx)
	if err == nil {
		r.runs, err = amd64.unpackOne(ctx, own.busybox, filepath.Join(dir, "runs"), "bin/busybox", "usr/bin/busybox")
	}
	return r, errors.Join(errKernel, err)
}

// unpackOne returns a root that holds one of the proofs.
func (p port) unpackOne(ctx context.Context, d deb, dir string, proofs ...string) (string, error) {
	out, err := run(ctx, "", "dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", d.name)
	if p.native() && err == nil && string(out) == "installed "+d.version && holds("/", proofs) {
		return "/", nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// As root, apt would drop to a user that cannot write here, and warn.
	if _, err := run(ctx, dir, "apt-get", append(slices.Clone(p.apt), "-q", "-o", "APT::Sandbox::User=root", "download", d.name+"="+d.version)...); err != nil {
		return "", fmt.Errorf("cannot download %s: %w (hint: apt-get update)", d, err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("download of %s left %d packages in %s: %w", d, len(archives), dir, err)
	}
	root := filepath.Join(dir, "root")
	if _, err := run(ctx, "", "dpkg-deb", "-x", archives[0], root); err != nil {
		return "", fmt.Errorf("cannot unpack %s: %w", archives[0], err)
	}
	if !holds(root, proofs) {
		return "", fmt.Errorf("package %s holds none of %s: another layout than Debian 12 and 13 have", d, strings.Join(proofs, ", "))
	}
	return root, nil
}

func holds(root string, proofs []string) bool {
	_, err := firstOf(root, proofs...)
	return err == nil
}

// firstOf returns the first path under root that exists.
func firstOf(root string, names ...string) (string, error) {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			return filepath.Join(root, name), nil
		}
	}
	return "", fmt.Errorf("no %s under %s", strings.Join(names, " nor "), root)
}

// run returns what a program printed; an error carries the end of what it complained about.
func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaint
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(complaint.String())
		return nil, fmt.Errorf("%s: %w: %s", name, err, said[max(0, len(said)-400):])
	}
	return out.Bytes(), nil
}
