package launch

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Flags of mounts in the jail.
const (
	inert    = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	readOnly = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY
)

// enter builds the jail on its mount point and makes it the root: /usr as the host has it, read-only,
// with the links that lead into it, and the Nix store where the program is a link into that; /proc of the own pid namespace; the few device nodes; an empty /run
// that the program may write to. There is no /etc: with and without ld.so.cache QEMU starts equally fast.
// It needs a mount and a pid namespace of its own.
func (j Jail) enter(owner uint32, program string, root bool) error {
	unix.Umask(0)
	kvm, err := j.kvmNode()
	if err != nil {
		return err
	}
	b := &builder{root: j.Mount}
	b.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	// Devices are made in it, so it cannot be nodev; it becomes read-only before the program begins.
	b.mount("jail", j.Mount, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755,size=64k,nr_inodes=64")
	b.bind("usr")
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		b.like(name)
	}
	b.store(program)
	b.dir("dev")
	b.device("null", 0o666, unix.Mkdev(1, 3))
	b.device("urandom", 0o444, unix.Mkdev(1, 9))
	if j.KVM {
		b.device("kvm", 0o600, kvm)
		b.do("own /dev/kvm", func() error {
			return unix.Lchown(b.in("dev/kvm"), int(owner), int(owner))
		})
	}
	b.dir("proc")
	if root { // who makes a user namespace writes into /proc who is in it; virtiofsd of QEMU reads a limit of the host's there
		b.mount("proc", b.in("proc"), "proc", inert, "")
	} else {
		b.mount("proc", b.in("proc"), "proc", inert|unix.MS_RDONLY, "subset=pid")
	}
	b.dir("run")
	b.mount("run", b.in("run"), "tmpfs", inert, "mode=0700,size=64k,nr_inodes=32")
	b.do("own /run", func() error { return unix.Lchown(b.in("run"), int(owner), int(owner)) })
	if j.Folder != nil {
		b.folder(*j.Folder)
	}
	b.pivot()
	return b.err
}

func (j Jail) kvmNode() (uint64, error) {
	if !j.KVM {
		return 0, nil
	}
	var st unix.Stat_t
	if err := unix.Stat("/dev/kvm", &st); err != nil {
		return 0, &StepError{"/dev/kvm", err}
	}
	return st.Rdev, nil
}

// builder does one thing after the other until one fails, and keeps which.
type builder struct {
	root string
	err  error
}

func (b *builder) do(step string, f func() error) {
	if b.err != nil {
		return
	}
	if err := f(); err != nil {
		b.err = &StepError{step, err}
	}
}

func (b *builder) in(name string) string { return filepath.Join(b.root, name) }

func (b *builder) mount(source, target, fs string, flags uintptr, data string) {
	b.do("mount "+target, func() error { return unix.Mount(source, target, fs, flags, data) })
}

func (b *builder) dir(name string) {
	b.do("mkdir "+name, func() error { return unix.Mkdir(b.in(name), 0o755) })
}

func (b *builder) device(name string, mode uint32, dev uint64) {
	b.do("mknod "+name, func() error { return unix.Mknod(b.in("dev/"+name), unix.S_IFCHR|mode, int(dev)) })
}

// bind shows a folder of the host, read-only, without what is mounted below it.
func (b *builder) bind(name string) {
	b.dir(name)
	b.mount("/"+name, b.in(name), "", unix.MS_BIND, "")
	b.mount("", b.in(name), "", readOnly|unix.MS_NOSUID|unix.MS_NODEV, "")
}

// store shows the Nix store where the program lies in it, as on NixOS: with all that it links to and loads,
// which every user of such a host may read.
func (b *builder) store(program string) {
	if at, err := filepath.EvalSymlinks(program); err != nil || !strings.HasPrefix(at, "/nix/store/") {
		return // a program that is not there is told by who starts it
	}
	b.dir("nix")
	b.bind("nix/store")
}

// like makes a link where the host has a link, and shows a folder where the host has one: a merged /usr
// and one that is not.
func (b *builder) like(name string) {
	b.do("look at /"+name, func() error {
		info, err := os.Lstat("/" + name)
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case info.IsDir():
			b.bind(name)
			return nil
		}
		target, err := os.Readlink("/" + name)
		if err != nil {
			return err
		}
		return unix.Symlink(target, b.in(name))
	})
}

// pivot makes the jail the root and lets go of the host's, which stands stacked on the same place
// (pivot_root(2), "pivot_root(".", ".")").
func (b *builder) pivot() {
	b.do("chdir", func() error { return unix.Chdir(b.root) })
	b.do("pivot_root", func() error { return unix.PivotRoot(".", ".") })
	b.do("unmount the host", func() error { return unix.Unmount(".", unix.MNT_DETACH) })
	b.do("chdir", func() error { return unix.Chdir("/") })
	b.mount("", "/", "", readOnly|unix.MS_NOSUID|unix.MS_NOEXEC, "")
}
