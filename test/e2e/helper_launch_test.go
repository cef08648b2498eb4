//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// mustLaunch launches a VM and waits until its monitor answers, so that QEMU has done all that it does
// before a guest runs.
func (h *helperHost) mustLaunch(l privilege.Launch, files ...*os.File) (privilege.LaunchReply, *os.File) {
	h.t.Helper()
	reply, pidfd, err := h.client.Launch(h.t.Context(), l, files)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = pidfd.Close() })
	h.noteUIDs()
	return reply, pidfd
}

func (h *helperHost) monitor(r privilege.LaunchReply) *qmpConn {
	h.t.Helper()
	return dialQMP(h.t, filepath.Join(h.run, r.Sockets["qmp"]))
}

func TestAVMRunsWithoutPrivilegesInAnEmptyWorld(t *testing.T) {
	h := newHelperHost(t)
	reply, _ := h.mustLaunch(pausedQ35())
	if status := string(h.monitor(reply).do("query-status")); !strings.Contains(status, "prelaunch") {
		t.Errorf("status %s", status)
	}
	t.Run("no privilege", func(t *testing.T) { unprivileged(t, reply.PID, reply.UID, "0000000000000000") })
	t.Run("namespaces of its own", func(t *testing.T) {
		for _, ns := range []string{"mnt", "pid", "ipc", "net", "uts"} {
			if mine, its := readLink(t, "/proc/self/ns/"+ns), readLink(t, fmt.Sprintf("/proc/%d/ns/%s", reply.PID, ns)); mine == its {
				t.Errorf("it shares the host's %s namespace", ns)
			}
		}
	})
	t.Run("a file system with nothing of the host's but /usr", func(t *testing.T) { emptyWorld(t, reply.PID, reply.UID) })
	t.Run("nothing of the helper's", func(t *testing.T) {
		if env := readFile(t, reply.PID, "environ"); env != "" {
			t.Errorf("environment %q", env)
		}
		if n := entries(t, fmt.Sprintf("/proc/%d/fd", reply.PID)); !slices.Contains(n, "3") {
			t.Errorf("descriptors %v: 3 should be the monitor", n)
		}
		for _, fd := range entries(t, fmt.Sprintf("/proc/%d/fd", reply.PID)) {
			if to := readLink(t, fmt.Sprintf("/proc/%d/fd/%s", reply.PID, fd)); strings.HasPrefix(to, "/") && to != "/dev/null" {
				t.Errorf("descriptor %s is %s", fd, to)
			}
		}
		limits := readFile(t, reply.PID, "limits")
		for _, want := range []string{"Max core file size        0                    0 ", "Max open files            16384                16384 "} {
			if !strings.Contains(limits, want) {
				t.Errorf("limits lack %q:\n%s", want, limits)
			}
		}
	})
	t.Run("a session of its own", func(t *testing.T) {
		if sid, err := unix.Getsid(reply.PID); err != nil || sid != reply.PID {
			t.Errorf("session %d, %v", sid, err)
		}
	})
	t.Run("seccomp on its command line", func(t *testing.T) {
		if line := readFile(t, reply.PID, "cmdline"); !strings.HasSuffix(line, "-sandbox\x00on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\x00") {
			t.Errorf("command line %q", line)
		}
	})
}

// unprivileged looks at /proc/PID/status.
func unprivileged(t *testing.T, pid int, uid uint32, bounding string) {
	t.Helper()
	id := strconv.Itoa(int(uid))
	want := map[string]string{
		"Uid": strings.Join([]string{id, id, id, id}, "\t"), "Gid": strings.Join([]string{id, id, id, id}, "\t"), "Groups": "",
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000",
		"CapBnd": bounding, "CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
	}
	for line := range strings.Lines(readFile(t, pid, "status")) {
		name, value, _ := strings.Cut(line, ":")
		if w, ok := want[name]; ok {
			if got := strings.TrimSpace(value); got != w {
				t.Errorf("%s is %q, want %q", name, got, w)
			}
			delete(want, name)
		}
	}
	if len(want) > 0 {
		t.Errorf("/proc/%d/status lacks %v", pid, slices.Sorted(maps.Keys(want)))
	}
}

func emptyWorld(t *testing.T, pid int, uid uint32) {
	t.Helper()
	var mounts []string
	for line := range strings.Lines(readFile(t, pid, "mountinfo")) {
		f := strings.Fields(line)
		mode, _, _ := strings.Cut(f[5], ",")
		mounts = append(mounts, f[4]+" "+mode)
	}
	slices.Sort(mounts)
	if want := []string{"/ ro", "/proc ro", "/run rw", "/usr ro"}; !slices.Equal(mounts, want) {
		t.Errorf("mounts %q, want %q", mounts, want)
	}
	root := fmt.Sprintf("/proc/%d/root", pid)
	allowed := []string{"bin", "dev", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "usr"}
	for _, name := range entries(t, root) {
		if !slices.Contains(allowed, name) {
			t.Errorf("the jail has /%s", name)
		}
	}
	if dev := entries(t, root+"/dev"); !slices.Equal(dev, []string{"null", "urandom"}) {
		t.Errorf("devices %v", dev)
	}
	if run := entries(t, root+"/run"); len(run) > 0 {
		t.Errorf("/run holds %v", run)
	}
	for _, name := range entries(t, root+"/proc") {
		if _, err := strconv.Atoi(name); err != nil && name != "self" && name != "thread-self" {
			t.Errorf("/proc shows /proc/%s", name)
		} else if err == nil && name != "1" {
			t.Errorf("/proc shows another process: %s", name)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(root+"/run", &st); err != nil || st.Uid != uid || st.Mode&0o777 != 0o700 {
		t.Errorf("/run belongs to %d with mode %o, %v", st.Uid, st.Mode, err)
	}
}

func TestADiskIsLockedForItsVM(t *testing.T) {
	h := newHelperHost(t)
	image, err := os.OpenFile(filepath.Join(t.TempDir(), "root.raw"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	l := pausedQ35()
	l.Files = []string{"root"}
	l.Args = append(l.Args, "-add-fd", "fd={fd:root},set=1",
		"-blockdev", `{"driver":"file","filename":"/dev/fdset/1","node-name":"root","locking":"on"}`,
		"-device", `{"driver":"virtio-blk-pci","drive":"root"}`)
	reply, _ := h.mustLaunch(l, image)
	h.monitor(reply)
	var st unix.Stat_t
	if err := unix.Fstat(int(image.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	_ = image.Close() // as hvd does: the lock is QEMU's alone
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "OFDLCK") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
			ours++
		}
	}
	if ours == 0 {
		t.Errorf("no OFD lock on inode %d:\n%s", st.Ino, locks)
	}
}

func TestAQEMUThatFailsLeavesItsWordsAndItsExitStatus(t *testing.T) {
	h := newHelperHost(t)
	words, err := os.OpenFile(filepath.Join(t.TempDir(), "stderr"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer words.Close()
	if _, err := words.WriteString("before\n"); err != nil {
		t.Fatal(err)
	}
	kernel, err := unix.MemfdCreate("kernel", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	image := os.NewFile(uintptr(kernel), "kernel")
	defer image.Close()
	if _, err := image.Write(bytes.Repeat([]byte("no kernel "), 2000)); err != nil {
		t.Fatal(err)
	}
	l := pausedQ35()
	l.Files = []string{"stderr", "kernel"}
	l.Args = append(l.Args, "-kernel", "/proc/self/fd/{fd:kernel}")
	_, pidfd := h.mustLaunch(l, words, image)
	awaitGone(t, pidfd)
	list, err := h.client.List(t.Context())
	if err != nil || len(list.VMs) != 1 || list.VMs[0].Alive || list.VMs[0].Exit != "exit status 1" {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := words.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(words)
	// It read the file through its own /proc, and did not like it.
	if err != nil || !strings.HasPrefix(string(said), "before\n") || !strings.Contains(string(said), "kernel") || strings.Contains(string(said), "could not open") {
		t.Errorf("QEMU said %q, %v", said, err)
	}
}

func TestAVMHasOneProcessFromLaunchToCleanup(t *testing.T) {
	h := newHelperHost(t)
	ctx := t.Context()
	first, pidfd := h.mustLaunch(pausedQ35())
	h.monitor(first)

	if _, _, err := h.client.Launch(ctx, pausedQ35(), nil); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second launch: %v", err)
	}
	for name, call := range map[string]func() error{
		"cleanup": func() error { return h.client.Cleanup(ctx, helperVM) },
		"forget":  func() error { return h.client.Forget(ctx, helperVM) },
	} {
		if err := call(); fault.KindOf(err) != fault.Precondition {
			t.Errorf("%s of a VM that runs: %v", name, err)
		}
	}
	again, err := h.client.Attach(ctx, helperVM)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := h.client.Kill(ctx, helperVM, privilege.SignalKill); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pidfd)
	awaitGone(t, again)
	list, err := h.client.List(ctx)
	if err != nil || len(list.VMs) != 1 || list.VMs[0].Alive || list.VMs[0].Exit != "signal: killed" {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := h.client.Attach(ctx, helperVM); fault.KindOf(err) != fault.Precondition {
		t.Errorf("attach to a VM that has ended: %v", err)
	}
	if err := h.client.Kill(ctx, helperVM, privilege.SignalTerm); err != nil {
		t.Errorf("kill of a VM that has ended: %v", err)
	}
	second, _ := h.mustLaunch(pausedQ35()) // what is left of the first run goes by itself
	if second.UID != first.UID || second.PID == first.PID {
		t.Errorf("first %+v, second %+v", first.Running, second.Running)
	}
	h.remove(helperVM)
	if err := h.client.Cleanup(ctx, helperVM); err != nil {
		t.Errorf("cleanup where nothing is left: %v", err)
	}
	if _, err := h.client.Attach(ctx, helperVM); fault.KindOf(err) != fault.NotFound {
		t.Errorf("attach to a VM that is forgotten: %v", err)
	}
	h.nothingLeft()
}

func TestTERMEndsAVMInOrder(t *testing.T) {
	h := newHelperHost(t)
	reply, pidfd := h.mustLaunch(pausedQ35())
	h.monitor(reply) // QEMU's handler stands
	if err := h.client.Kill(t.Context(), helperVM, privilege.SignalTerm); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pidfd)
	if list, err := h.client.List(t.Context()); err != nil || list.VMs[0].Exit != "exit status 0" {
		t.Errorf("list %+v, %v", list, err)
	}
}

func TestFilesOfTheWrongKindStayOutside(t *testing.T) {
	h := newHelperHost(t)
	open := func(path string, flags int) *os.File {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), path)
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	inet, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(inet), "inet")
	defer socket.Close()
	for want, f := range map[string]*os.File{
		"a folder":                    open("/etc", unix.O_RDONLY|unix.O_DIRECTORY),
		"a device":                    open("/dev/null", unix.O_RDWR),
		"not an open file":            open("/etc/shadow", unix.O_PATH),
		"another family than unix":    socket,
		"open for reading only":       open("/etc/passwd", unix.O_RDONLY),
		"1 names for 2 file descript": open("/etc/passwd", unix.O_RDONLY),
	} {
		l := pausedQ35()
		l.Files = []string{"stderr"}
		files := []*os.File{f}
		if strings.HasPrefix(want, "1 names") {
			files = append(files, f)
		}
		_, _, err := h.client.Launch(t.Context(), l, files)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	h.nothingLeft()
}

func TestUsageAndThreadsAreOfTheHost(t *testing.T) {
	h := newHelperHost(t)
	reply, _ := h.mustLaunch(pausedQ35())
	cpus := string(h.monitor(reply).do("query-cpus-fast"))
	_, rest, _ := strings.Cut(cpus, `"thread-id": `)
	inner, err := strconv.Atoi(rest[:strings.IndexAny(rest, ",}")])
	if err != nil {
		t.Fatal(cpus)
	}
	host, err := h.client.Threads(t.Context(), helperVM)
	if err != nil || host[1] != reply.PID || host[inner] == 0 {
		t.Fatalf("threads %v, %v; the vCPU is %d", host, err, inner)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", reply.PID, host[inner])); err != nil {
		t.Error(err)
	}
	other := "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a0ff" // never started
	for _, pss := range []bool{false, true} {
		u, err := h.client.Usage(t.Context(), privilege.Usage{VMs: []string{other, helperVM}, PSS: pss})
		if err != nil || len(u) != 1 || u[0].VM != helperVM || u[0].RSSBytes < 1<<20 || u[0].Threads < 2 || (u[0].PSSBytes > 0) != pss {
			t.Errorf("usage %+v, %v", u, err)
		}
	}
}

// nothingLeft looks for what a VM could leave behind.
func (h *helperHost) nothingLeft() {
	h.t.Helper()
	for _, pid := range entries(h.t, "/proc") {
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil || strings.Contains(string(status), "State:\tZ") {
			continue
		}
		for first := range h.uids {
			for uid := first; uid < first+4; uid++ {
				if strings.Contains(string(status), fmt.Sprintf("\nUid:\t%d\t", uid)) {
					h.t.Errorf("a process is left:\n%s", status)
				}
			}
		}
	}
	if vms := entries(h.t, filepath.Join(h.run, "vm")); len(vms) > 0 {
		h.t.Errorf("folders are left: %v", vms)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), h.run) {
		h.t.Errorf("a mount of the jail's reached the host: %v\n%s", err, mounts)
	}
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		groups, err := filepath.Glob(filepath.Join(top, "hv-"+filepath.Base(h.run), "*-*"))
		if err != nil || len(groups) > 0 {
			h.t.Errorf("cgroups are left: %v, %v", groups, err)
		}
	}
}

func readFile(t *testing.T, pid int, name string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func readLink(t *testing.T, path string) string {
	t.Helper()
	to, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(list))
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
