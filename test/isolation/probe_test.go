//go:build linux && (e2e || lab)

package isolation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errand is what the probe is told about the host that it is to find a way to.
type errand struct {
	Files    []string // that exist on the host
	PIDs     []int    // of the host's processes
	Port     int      // that the host listens on, at 127.0.0.1
	Abstract string   // name of an abstract unix socket of the host's
	Socket   string   // path of a unix socket of the host's
	Shared   int      // key of a System V segment of the host's
}

// report is what it has found.
type report struct {
	Tried  int
	Ways   []string // that led somewhere
	Status map[string]string
	Limits string // of its own, as the kernel has them
	Broken string // why the probe itself failed

	beside bool // in the place of the swtpm, which has a folder for its state
}

func (r *report) way(format string, args ...any) {
	r.Ways = append(r.Ways, fmt.Sprintf(format, args...))
}

// closed notes a way that is open: everything but a refusal is. An error that says "wrong arguments" came
// from behind the door.
func (r *report) closed(what string, err error, also ...error) {
	r.Tried++
	for _, refusal := range append(also, unix.EPERM, unix.EACCES, unix.ENOSYS) {
		if errors.Is(err, refusal) {
			return
		}
	}
	r.way("%s: %v", what, err)
}

// probe runs in QEMU's place.
func probe(args []string) int {
	at := slices.Index(args, "-append")
	if at < 0 || at+1 == len(args) {
		return 1
	}
	var r report
	r.try([]byte(args[at+1]))
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return 1
	}
	return 0
}

// besideState is where a swtpm has its state.
const besideState = "/run/state"

// probeBeside runs in the place of the swtpm, whose command line is not ours to choose: it finds its errand in its state.
func probeBeside() int {
	r := report{beside: true}
	data, err := os.ReadFile(besideState + "/errand")
	if err == nil {
		r.try(data)
	} else {
		r.Broken = err.Error()
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(besideState+"/begun", text, 0o600)
	}
	if err == nil {
		err = os.Rename(besideState+"/begun", besideState+"/report")
	}
	if err != nil {
		return 1
	}
	return 0
}

// try tries every way.
func (r *report) try(errandText []byte) {
	defer func() {
		if p := recover(); p != nil {
			r.Broken = fmt.Sprint(p)
		}
	}()
	var e errand
	if err := json.Unmarshal(errandText, &e); err != nil {
		panic(err)
	}
	r.identity()
	r.files(e)
	r.folders()
	r.writing()
	r.calls()
	r.processes(e)
	r.sockets(e)
}

// identity is what the kernel says of us.
func (r *report) identity() {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	r.Status = map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		r.Status[name] = strings.Join(strings.Fields(value), " ")
	}
	if data, err = os.ReadFile("/proc/self/limits"); err != nil {
		panic(err)
	}
	r.Limits = strings.Join(strings.Fields(string(data)), " ")
}

// files tries to open what the host has, in every mode and by every detour.
func (r *report) files(e errand) {
	detours := []string{"", "/usr/..", "/proc/self/root", "/proc/1/root", "/proc/self/cwd", "/proc/thread-self/root/..", "/run/../..", "/dev/.."}
	for _, file := range e.Files {
		for _, detour := range detours {
			for name, mode := range map[string]int{"read": unix.O_RDONLY, "write": unix.O_WRONLY, "change": unix.O_RDWR} {
				fd, err := unix.Open(detour+file, mode|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
				if err == nil {
					_ = unix.Close(fd)
				}
				r.closed(name+" "+detour+file, err, unix.ENOENT, unix.EROFS)
			}
		}
	}
	if err := os.Symlink(e.Files[0], "/run/link"); err == nil {
		_, err = os.ReadFile("/run/link")
		r.closed("a link of our own", err, unix.ENOENT)
	}
}

// folders looks at all that is there: nothing but what a VM is given.
func (r *report) folders() {
	allowed := map[string][]string{
		"/":     {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "dev", "proc", "run"},
		"/dev":  {"null", "urandom", "kvm"},
		"/run":  {"link"},
		"/proc": {"1", "self", "thread-self"},
	}
	if r.beside {
		allowed["/run"] = append(allowed["/run"], "state")
	}
	for dir, names := range allowed {
		r.Tried++
		entries, err := os.ReadDir(dir)
		if err != nil && (dir != "/" || !errors.Is(err, fs.ErrPermission)) { // landlock lets nobody list the root
			r.way("list %s: %v", dir, err)
		}
		for _, entry := range entries {
			if !slices.Contains(names, entry.Name()) {
				r.way("%s has %s", dir, entry.Name())
			}
		}
	}
	// All of /proc that can be opened is our own, and nothing in it leads out.
	_ = filepath.WalkDir("/proc/1", func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.Contains(path, "/task/") || d.Type()&fs.ModeSymlink == 0 {
			return nil //nolint:nilerr // what cannot be listed leads nowhere
		}
		r.Tried++
		to, err := os.Readlink(path)
		if err == nil && strings.HasPrefix(to, "/") && !slices.ContainsFunc([]string{"/usr/", "/dev/null", "/run", "/memfd:", "/ "},
			func(ok string) bool { return strings.HasPrefix(to+" ", ok) }) && !strings.Contains(to, "/hv-isolation") { // our own output
			r.way("%s leads to %s", path, to)
		}
		return nil
	})
}

// writing tries to change what is there.
func (r *report) writing() {
	for _, dir := range []string{"/", "/usr", "/usr/bin", "/usr/lib", "/dev", "/proc", "/proc/self"} {
		r.closed("a file in "+dir, os.WriteFile(filepath.Join(dir, "probe"), []byte("x"), 0o600), unix.EROFS, unix.ENOENT)
		r.closed("a folder in "+dir, os.Mkdir(filepath.Join(dir, "probe"), 0o700), unix.EROFS, unix.ENOENT)
	}
	n := 0
	_ = filepath.WalkDir("/usr/bin", func(path string, d fs.DirEntry, err error) error {
		if n++; n > 200 || err != nil {
			return fs.SkipAll
		}
		if d.Type().IsRegular() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // it must fail
			if err == nil {
				_ = f.Close()
			}
			r.closed("write "+path, err, unix.EROFS, unix.ETXTBSY)
			r.closed("mode of "+path, os.Chmod(path, 0o4777), unix.EROFS) //nolint:gosec // the same
		}
		return nil
	})
	// The run folder is ours, small, and no place to start a program from.
	if err := os.WriteFile("/run/program", []byte("#!/usr/bin/env true\n"), 0o700); err != nil {
		r.way("the run folder cannot be written to: %v", err)
	}
	_, err := os.StartProcess("/run/program", []string{"program"}, &os.ProcAttr{})
	r.closed("start a program from /run", err)
	r.closed("fill /run", os.WriteFile("/run/full", make([]byte, 1<<20), 0o600), unix.ENOSPC)
}

// calls tries what a process without privileges must not be able to do. None of them would do harm where it
// succeeded: they are asked with arguments that mean nothing.
func (r *report) calls() {
	raw := func(what string, number uintptr, args ...uintptr) {
		args = append(args, make([]uintptr, 6-len(args))...)
		_, _, errno := unix.Syscall6(number, args[0], args[1], args[2], args[3], args[4], args[5])
		var err error
		if errno != 0 {
			err = errno
		}
		r.closed(what, err)
	}
	for name, flag := range map[string]uintptr{"user": unix.CLONE_NEWUSER, "mount": unix.CLONE_NEWNS, "net": unix.CLONE_NEWNET, "pid": unix.CLONE_NEWPID, "cgroup": unix.CLONE_NEWCGROUP} {
		raw("unshare "+name, unix.SYS_UNSHARE, flag)
		_, err := os.StartProcess("/usr/bin/true", []string{"true"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: flag}})
		r.closed("clone into a new "+name+" namespace", err)
	}
	r.closed("mount", unix.Mount("none", "/run", "tmpfs", 0, ""))
	r.closed("mount proc", unix.Mount("proc", "/run", "proc", 0, ""))
	r.closed("remount /usr", unix.Mount("", "/usr", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	r.closed("unmount /usr", unix.Unmount("/usr", unix.MNT_DETACH))
	r.closed("chroot", unix.Chroot("/run"))
	r.closed("pivot_root", unix.PivotRoot("/run", "/run"))
	r.closed("a device node", unix.Mknod("/run/mem", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 1))))
	r.closed("a disk's node", unix.Mknod("/run/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))))
	r.closed("uid 0", unix.Setuid(0))
	r.closed("gid 0", unix.Setgid(0))
	r.closed("groups", unix.Setgroups([]int{0}))
	r.closed("nice -20", unix.Setpriority(unix.PRIO_PROCESS, 0, -20))
	r.closed("more files", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
	r.closed("host's name", unix.Sethostname([]byte("probe")))
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	all := [2]unix.CapUserData{{Effective: ^uint32(0), Permitted: ^uint32(0)}, {}}
	r.closed("capabilities", unix.Capset(&header, &all[0]))
	attr := make([]byte, 128)
	at := uintptr(unsafe.Pointer(&attr[0])) //nolint:gosec // calls without a wrapper
	raw("fsopen", unix.SYS_FSOPEN, at)
	raw("open_tree", unix.SYS_OPEN_TREE, ^uintptr(0), at, 1)
	raw("setns", unix.SYS_SETNS, ^uintptr(0))
	raw("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(0), at)
	raw("bpf", unix.SYS_BPF, 0, at, 64)
	raw("perf_event_open", unix.SYS_PERF_EVENT_OPEN, at, 0, 0, ^uintptr(0))
	raw("keyctl", unix.SYS_KEYCTL, 0, ^uintptr(2), 1)
	raw("add_key", unix.SYS_ADD_KEY, at, at, at, 1, ^uintptr(1))
	raw("init_module", unix.SYS_INIT_MODULE, at, 0, at)
	raw("kexec_load", unix.SYS_KEXEC_LOAD, 0, 1000)
	raw("swapon", unix.SYS_SWAPON, at)
	raw("syslog", unix.SYS_SYSLOG, 3, at, 16)
	raw("acct", unix.SYS_ACCT, 1)
	raw("io_uring_setup", unix.SYS_IO_URING_SETUP, 1, 0)
	raw("quotactl", unix.SYS_QUOTACTL, 0, at)
}

// processes tries to find, signal and look into the host's.
func (r *report) processes(e errand) {
	for _, pid := range append(e.PIDs, 2, -1) {
		if pid > 1 {
			r.closed(fmt.Sprintf("trace process %d", pid), unix.PtraceAttach(pid), unix.ESRCH)
			fd, err := unix.PidfdOpen(pid, 0)
			if err == nil {
				_ = unix.Close(fd)
			}
			r.closed(fmt.Sprintf("pidfd of process %d", pid), err, unix.ESRCH, unix.EINVAL, unix.ENOENT) // a thread of our own is EINVAL
			_, err = unix.ProcessVMReadv(pid, []unix.Iovec{}, []unix.RemoteIovec{}, 0)
			r.closed(fmt.Sprintf("memory of process %d", pid), err, unix.ESRCH)
		}
		if pid < 0 || pid > 64 { // small ones may be threads of our own
			r.closed(fmt.Sprintf("signal process %d", pid), unix.Kill(pid, 0), unix.ESRCH)
		}
	}
}

// sockets tries to reach the host's, and the network.
func (r *report) sockets(e errand) {
	for name, family := range map[string]int{"netlink": unix.AF_NETLINK, "packet": unix.AF_PACKET, "vsock": unix.AF_VSOCK, "alg": unix.AF_ALG, "bluetooth": unix.AF_BLUETOOTH} {
		kind := unix.SOCK_STREAM
		if name == "netlink" || name == "packet" {
			kind = unix.SOCK_RAW
		}
		fd, err := unix.Socket(family, kind, 0)
		if err == nil {
			_ = unix.Close(fd)
		}
		r.closed("a socket of "+name, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	if err == nil {
		_ = unix.Close(fd)
	}
	r.closed("a raw socket", err)
	dial := func(network, address string, also ...error) {
		c, err := net.DialTimeout(network, address, 5*time.Second)
		if err == nil {
			_ = c.Close()
		}
		r.closed(network+" to "+address, err, also...)
	}
	dial("tcp", fmt.Sprintf("127.0.0.1:%d", e.Port), unix.ENETUNREACH, unix.ECONNREFUSED)
	dial("tcp", "192.0.2.1:80", unix.ENETUNREACH)
	dial("unix", "@"+e.Abstract, unix.ECONNREFUSED)
	dial("unix", e.Socket, unix.ENOENT)
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil { // an empty network of its own: it harms nobody
		_ = l.Close()
	}
	_, _, errno := unix.Syscall(unix.SYS_SHMGET, uintptr(e.Shared), 0, 0)
	r.closed("a shared segment", errno, unix.ENOENT)
	addrs, err := net.InterfaceAddrs()
	r.Tried++
	if err == nil && len(addrs) > 0 {
		r.way("the network has %v", addrs)
	}
}
