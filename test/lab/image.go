package lab

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// unwanted is documentation that no test reads: a third of the files.
var unwanted = []string{"/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*"}

// make builds disk.raw and vmlinuz in out: Debian's packages, the kernel's modules, our files, and a file
// system of all that. Nothing is mounted: a machine may have no loop device.
func (s source) make(ctx context.Context, work, out string, progress io.Writer) error {
	began := time.Now()
	root := filepath.Join(work, "root")
	if err := s.debootstrap(ctx, root); err != nil {
		return err
	}
	fmt.Fprintf(progress, "lab: packages are unpacked (%s)\n", time.Since(began).Round(time.Second))
	kernel, err := s.kernel.Unpack(ctx, filepath.Join(work, "kernel"))
	if err != nil {
		return err
	}
	modules := filepath.Join(root, "usr/lib/modules")
	if err := os.MkdirAll(modules, 0o755); err != nil {
		return err
	}
	for _, c := range [][]string{
		{"cp", "-a", kernel.Modules, modules},
		{"cp", kernel.Image, filepath.Join(out, "vmlinuz")},
		{"chroot", root, "depmod", s.kernel.Release},
	} {
		if _, err := output(ctx, c[0], c[1:]...); err != nil {
			return err
		}
	}
	if err := place(root); err != nil {
		return err
	}
	return fileSystem(ctx, filepath.Join(out, "disk.raw"), root)
}

// debootstrap installs the packages of this machine's own mirrors into root. mmdebstrap mounts /proc and /dev in
// there: in namespaces of their own, so that none of them is left however it ends, and what is removed afterwards
// is never this machine's.
func (s source) debootstrap(ctx context.Context, root string) error {
	args := []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory", "--include=" + strings.Join(packages, ",")}
	for _, u := range unwanted {
		args = append(args, "--dpkgopt=path-exclude="+u)
	}
	// Later packages are installed whole.
	args = append(args, `--customize-hook=rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap`, s.suite, root)
	args = append(args, s.lines...)
	if _, err := output(ctx, "unshare", args...); err != nil {
		return fmt.Errorf("%w (hint: scripts/deps.sh lab)", err)
	}
	return nil
}

// place puts our files into the root, where they stand below files/image, and makes what git cannot hold.
func place(root string) error {
	const from = "files/image"
	err := fs.WalkDir(recipe, from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := recipe.ReadFile(name)
		if err != nil {
			return err
		}
		to := filepath.Join(root, strings.TrimPrefix(name, from))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
	if err != nil {
		return err
	}
	for _, dir := range []string{"lab/in", "lab/out"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	// An empty machine-id is filled at each boot, and is not taken for a first boot that asks questions.
	if err := os.WriteFile(filepath.Join(root, "etc/machine-id"), nil, 0o644); err != nil {
		return err
	}
	return mask(root)
}

// masked units do nothing for a test and cost time under emulation.
var masked = []string{
	"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
	"e2scrub_reap.service", "systemd-pstore.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
	"getty@tty1.service", "serial-getty@ttyS0.service", "keyboard-setup.service",
}

func mask(root string) error {
	for _, unit := range masked {
		file := filepath.Join(root, "etc/systemd/system", unit)
		if err := os.RemoveAll(file); err != nil {
			return err
		}
		if err := os.Symlink("/dev/null", file); err != nil {
			return err
		}
	}
	return nil
}

// fileSystem makes a partitioned disk whose partition holds all of dir.
func fileSystem(ctx context.Context, name, dir string) error {
	if err := partitioned(name); err != nil {
		return err
	}
	_, err := output(ctx, "mkfs.ext4", "-q", "-F", "-L", "lab", "-E", fmt.Sprintf("offset=%d,lazy_itable_init=1", partitionStart),
		"-d", dir, name, fmt.Sprintf("%dk", rootBytes>>10))
	return err
}
