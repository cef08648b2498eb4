package debian

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/test/lab"
)

// packages are what a cloud image has. Their dependencies come too, nothing that is only recommended.
var packages = []string{
	"systemd-sysv", "udev", "dbus", "iproute2", "e2fsprogs", "cloud-init", "qemu-guest-agent", "openssh-server", "sudo",
	"linux-image-cloud-amd64", "initramfs-tools", "zstd", "grub-pc-bin", "grub2-common",
}

// unwanted is documentation that no test reads: a third of the files.
var unwanted = []string{"/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/man/*", "/usr/share/lintian/*"}

// makeRoot installs the packages of this machine's own mirrors into root, and makes a cloud image of it: no name, no
// identity, no password, and an initramfs with what a VM of ours has. mmdebstrap mounts /proc and /dev in there: in
// namespaces of their own, so that none of them is left however it ends.
func makeRoot(ctx context.Context, suite lab.Suite, root string) error {
	args := []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory", "--include=" + strings.Join(packages, ",")}
	for _, u := range unwanted {
		args = append(args, "--dpkgopt=path-exclude="+u)
	}
	// Later packages are installed whole.
	args = append(args, `--customize-hook=rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap`, suite.Name, root)
	args = append(args, suite.Lines...)
	if _, err := lab.Run(ctx, "unshare", args...); err != nil {
		return fmt.Errorf("%w (hint: scripts/deps.sh test)", err)
	}
	if err := place(root); err != nil {
		return err
	}
	release, err := kernelOf(root)
	if err != nil {
		return err
	}
	if _, err := lab.Run(ctx, "chroot", root, "update-initramfs", "-c", "-k", release); err != nil {
		return err
	}
	grub := fmt.Sprintf("linux /boot/vmlinuz-%s root=LABEL=root ro console=ttyS0 quiet\ninitrd /boot/initrd.img-%[1]s\nboot\n", release)
	if err := write(filepath.Join(root, "boot/grub/grub.cfg"), []byte(grub)); err != nil {
		return err
	}
	keys, err := filepath.Glob(filepath.Join(root, "etc/ssh/ssh_host_*"))
	for _, key := range keys {
		err = os.Remove(key) // cloud-init makes each guest its own
	}
	return err
}

func kernelOf(root string) (string, error) {
	images, err := filepath.Glob(filepath.Join(root, "boot/vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return "", fmt.Errorf("the image has %d kernels in /boot: %w", len(images), err)
	}
	_, release, _ := strings.Cut(filepath.Base(images[0]), "-")
	return release, nil
}

// masked units do nothing for a test and cost time under emulation.
var masked = []string{
	"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
	"e2scrub_reap.service", "systemd-pstore.service", "systemd-networkd-wait-online.service", "getty@tty1.service",
}

// place puts our files into the root, where they stand below files.
func place(root string) error {
	err := fs.WalkDir(recipe, "files", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := recipe.ReadFile(name)
		if err != nil {
			return err
		}
		return write(filepath.Join(root, strings.TrimPrefix(name, "files")), text)
	})
	if err != nil {
		return err
	}
	units := filepath.Join(root, "etc/systemd/system")
	for _, unit := range masked {
		if err := link("/dev/null", filepath.Join(units, unit)); err != nil {
			return err
		}
	}
	// An empty machine-id is filled at each first boot.
	if err := write(filepath.Join(root, "etc/machine-id"), nil); err != nil {
		return err
	}
	return link("/usr/lib/systemd/system/systemd-networkd.service", filepath.Join(units, "multi-user.target.wants/systemd-networkd.service"))
}

func link(to, name string) error {
	if err := os.RemoveAll(name); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.Symlink(to, name)
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
