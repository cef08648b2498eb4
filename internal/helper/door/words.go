package door

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// isUUID accepts the one spelling, lower case with dashes (RFC 9562), because it becomes a folder's name.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !digit(c) && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// isLabel accepts a DNS label (RFC 1123).
func isLabel(s string) bool { return len(s) <= 63 && isSocket(s) }

// maxName bounds the names of files and sockets: a device's kind and its name, which is a DNS label.
const maxName = 100

// isSocket accepts what may become a part of the file name of a socket.
func isSocket(s string) bool {
	if s == "" || len(s) > maxName || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !digit(c) && !lower(c) && c != '-' {
			return false
		}
	}
	return true
}

// isFile accepts the name of a file that is handed over. It never becomes a path.
func isFile(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !digit(c) && !lower(c) && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
func lower(c byte) bool { return c >= 'a' && c <= 'z' }

// kinds lets in regular files (memfds too), unix sockets, pipes, and volumes that we have made. A folder would be a way
// out of the jail, another device a way around its few nodes, and what was opened with O_PATH carries no right to its
// content that anybody has checked.
func (w *wrong) kinds(files []*os.File) {
	for i, f := range files {
		if why := unfit(int(f.Fd())); why != "" {
			w.say("file %d: %s; only regular files, memfds, volumes, unix sockets and pipes go into a VM", i, why)
		}
	}
}

func unfit(fd int) string {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "cannot be looked at: " + err.Error()
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_PATH != 0 {
		return "it is a path, not an open file"
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return unreal(fd)
	case unix.S_IFIFO:
		return ""
	case unix.S_IFSOCK:
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil || domain != unix.AF_UNIX {
			return "it is a socket of another family than unix"
		}
		return ""
	case unix.S_IFDIR:
		return "it is a folder"
	case unix.S_IFBLK:
		if isVolume(os.DirFS("/sys/dev/block"), st.Rdev) {
			return ""
		}
		return "it is a device, and no volume of a thin pool"
	case unix.S_IFCHR:
		return "it is a device"
	}
	return "it is of an unknown kind"
}

// windows are file systems whose regular files are no files but windows into the kernel or into a process:
// /proc/PID/mem, a switch of /sys, a namespace, a pidfd of newer kernels.
var windows = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC,
	unix.SECURITYFS_MAGIC, unix.SELINUX_MAGIC, unix.BPF_FS_MAGIC, unix.NSFS_MAGIC, unix.PID_FS_MAGIC, unix.EFIVARFS_MAGIC, unix.BINDERFS_SUPER_MAGIC,
}

func unreal(fd int) string {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return "cannot be looked at: " + err.Error()
	}
	if slices.Contains(windows, int64(fs.Type)) { //nolint:unconvert // not everywhere an int64
		return "it is no file but a window into the kernel"
	}
	return ""
}
