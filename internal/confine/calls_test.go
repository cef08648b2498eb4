//go:build linux

package confine

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// judge runs a filter as the kernel does (bpf(4), "classic"), on one call.
func judge(t *testing.T, program []unix.SockFilter, arch, number, first uint32) uint32 {
	t.Helper()
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		in := program[pc]
		yes := false
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = map[uint32]uint32{atNumber: number, atArch: arch, atFirst: first}[in.K]
			continue
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = a == in.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = a >= in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes = a&in.K != 0
		default:
			t.Fatalf("instruction %d has code %#x", pc, in.Code)
		}
		if yes {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

func TestTheFilterHasAVerdictForEveryCall(t *testing.T) {
	const arch, other = unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_AARCH64
	program := callFilter(arch, forbidden, 0x40000000, []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6})
	const thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM | unix.CLONE_SETTLS
	for name, c := range map[string]struct{ arch, number, first, want uint32 }{
		"read":                         {arch, unix.SYS_READ, 0, pass},
		"execve":                       {arch, unix.SYS_EXECVE, 0, pass},
		"a thread":                     {arch, unix.SYS_CLONE, thread, pass},
		"a thread in a user namespace": {arch, unix.SYS_CLONE, thread | unix.CLONE_NEWUSER, absent},
		"clone3":                       {arch, unix.SYS_CLONE3, 0, absent},
		"unshare":                      {arch, unix.SYS_UNSHARE, unix.CLONE_NEWUSER, absent},
		"mount":                        {arch, unix.SYS_MOUNT, 0, absent},
		"the first of the forbidden":   {arch, forbidden[0], 0, absent},
		"the last of the forbidden":    {arch, forbidden[len(forbidden)-1], 0, absent},
		"a unix socket":                {arch, unix.SYS_SOCKET, unix.AF_UNIX, pass},
		"an IPv6 socket":               {arch, unix.SYS_SOCKET, unix.AF_INET6, pass},
		"a vsock":                      {arch, unix.SYS_SOCKET, unix.AF_VSOCK, absent},
		"netlink":                      {arch, unix.SYS_SOCKET, unix.AF_NETLINK, absent},
		"a packet socket":              {arch, unix.SYS_SOCKET, unix.AF_PACKET, absent},
		"a pair of unix sockets":       {arch, unix.SYS_SOCKETPAIR, unix.AF_UNIX, pass},
		"a pair of TIPC sockets":       {arch, unix.SYS_SOCKETPAIR, unix.AF_TIPC, absent},
		"x32":                          {arch, 0x40000000 | unix.SYS_READ, 0, absent},
		"another architecture":         {other, unix.SYS_READ, 0, foreign},
	} {
		if got := judge(t, program, c.arch, c.number, c.first); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
	}
	for n := range uint32(512) {
		listed := slices.Contains(forbidden, n)
		if got := judge(t, program, arch, n, unix.AF_UNIX); (got == absent) != listed {
			t.Errorf("call %d: %#x, listed %v", n, got, listed)
		}
	}
}

func TestLandlockTakesWhatItsVersionKnows(t *testing.T) {
	for version, want := range map[int]unix.LandlockRulesetAttr{
		1: {Handled_access_fs: 1<<13 - 1},
		2: {Handled_access_fs: 1<<14 - 1},
		3: {Handled_access_fs: 1<<15 - 1},
		4: {Handled_access_fs: 1<<15 - 1, Handled_access_net: 3},
		5: {Handled_access_fs: 1<<16 - 1, Handled_access_net: 3},
		6: {Handled_access_fs: 1<<16 - 1, Handled_access_net: 3, Scoped: 3},
		9: {Handled_access_fs: 1<<16 - 1, Handled_access_net: 3, Scoped: 3},
	} {
		if got := handled(version); got != want {
			t.Errorf("version %d: %+v, want %+v", version, got, want)
		}
		if lacks := Lacks(version); (lacks == "") != (version >= 6) {
			t.Errorf("version %d lacks %q", version, lacks)
		}
	}
	if Lacks(0) == "" {
		t.Error("no landlock at all is not told")
	}
}

func TestAKernelWithoutLandlockIsNotOneThatIsKeptFromUs(t *testing.T) {
	for errno, fails := range map[unix.Errno]bool{0: false, unix.ENOSYS: false, unix.EOPNOTSUPP: false, unix.EPERM: true, unix.EACCES: true} {
		version, err := versionOf(4, errno)
		if (err != nil) != fails || errno == 0 && version != 4 || errno != 0 && version != 0 {
			t.Errorf("%v: version %d, %v", errno, version, err)
		}
		if fails && (!errors.Is(err, errno) || !strings.Contains(err.Error(), "SystemCallFilter")) {
			t.Errorf("%v is told as %v", errno, err)
		}
	}
}

// BenchmarkLandlockAndFilter is what a start pays for them: a thread each, because they cannot be undone.
func BenchmarkLandlockAndFilter(b *testing.B) {
	version, err := Landlock()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
			if err == nil {
				err = Files(version, Grant{"/usr", MayRun})
			}
			if err == nil {
				err = Calls()
			}
			done <- err
		}()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
