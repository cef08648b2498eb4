//go:build linux

package confine

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// QEMU filters its own system calls (-sandbox), once it has started and as its developers chose. This filter
// stands before it starts, for whatever is in its place: the calls by which a process without privileges
// gets a user namespace full of them, or speaks to what no namespace parts, such as the kernel's keys or
// the hypervisor below this host. They fail as on a kernel that does not have them, so that a program
// takes its other way.

// forbidden are calls that fail whatever their arguments are.
var forbidden = []uint32{
	// Namespaces and mounts. clone3 has its flags in memory, where no filter reads: C libraries then use clone.
	unix.SYS_CLONE3, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_MKNODAT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT,
	// Other processes.
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	// What is the whole host's.
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_QUOTACTL, unix.SYS_FANOTIFY_INIT,
	// It does what other calls do, past every filter of them.
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
}

// newNamespaces are all flags of clone that make one.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET

// Where a filter finds things (struct seccomp_data of linux/seccomp.h). Arguments have their low half first on
// both architectures.
const (
	atNumber = 0
	atArch   = 4
	atFirst  = 16
)

// The verdicts of a filter.
const (
	pass    = unix.SECCOMP_RET_ALLOW
	absent  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	foreign = unix.SECCOMP_RET_KILL_PROCESS // of another architecture: its numbers mean other calls
)

// Calls puts the filter on the calling thread, and so on what it executes, which may make sockets of these families
// and no others. It needs no_new_privs.
func Calls(families ...uint32) error {
	program := callFilter(ownArch, append(ownForbidden, forbidden...), foreignNumbers, families)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	//nolint:gosec // there is no wrapper of this call
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// callFilter is the filter as classic BPF. Numbers from foreignFrom on are of another ABI of the same
// architecture; 0 where there is none.
func callFilter(arch uint32, forbidden []uint32, foreignFrom uint32, families []uint32) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	end := func(verdict uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
	}
	jump := func(how uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	p := []unix.SockFilter{load(atArch), jump(unix.BPF_JEQ, arch, 1, 0), end(foreign), load(atNumber)}
	if foreignFrom > 0 {
		p = append(p, jump(unix.BPF_JGE, foreignFrom, 0, 1), end(absent))
	}
	for _, n := range forbidden {
		p = append(p, jump(unix.BPF_JEQ, n, 0, 1), end(absent))
	}
	p = append(p, jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, 4), load(atFirst), jump(unix.BPF_JSET, newNamespaces, 0, 1), end(absent), end(pass))
	for _, call := range []uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR} {
		p = append(p, jump(unix.BPF_JEQ, call, 0, uint8(3+len(families))), load(atFirst))
		for i, family := range families {
			p = append(p, jump(unix.BPF_JEQ, family, uint8(len(families)-i), 0))
		}
		p = append(p, end(absent), end(pass))
	}
	return append(p, end(pass))
}
