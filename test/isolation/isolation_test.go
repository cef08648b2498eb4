//go:build linux && (e2e || lab)

package isolation

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const (
	qemu   = "qemu-system-x86_64"
	swtpm  = "swtpm"
	vm     = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001"
	hvdUID = 64081
)

// TestMain makes this program the probe when it is started as QEMU, or as the swtpm beside it.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case qemu:
		os.Exit(probe(os.Args))
	case swtpm:
		os.Exit(probeBeside())
	}
	os.Exit(m.Run())
}

// helper is hv-helper as it ships: HV_BIN's, the installed one, or built.
func helper(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("HV_BIN"), "/usr/libexec/hyper-nixos", "/usr/lib/hyper-nixos", "/usr/sbin", "/usr/bin"} {
		path := filepath.Join(dir, "hv-helper")
		if info, err := os.Stat(path); dir != "" && err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	path := filepath.Join(t.TempDir(), "hv-helper")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", path, "../../cmd/hv-helper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// host starts hv-helper where QEMU is this program, and returns a client and its process.
func host(t *testing.T, dir string) (*privilege.Client, string, int) {
	t.Helper()
	program := helper(t)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	over := filepath.Join(dir, "usr/bin")
	if err := os.MkdirAll(over, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{qemu, swtpm} {
		if err := os.WriteFile(filepath.Join(over, name), self, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "-m", "mount", "-t", "overlay", "overlay", "-o", "lowerdir="+filepath.Dir(over)+":/usr", "/usr").CombinedOutput(); err != nil {
		t.Skipf("this kernel puts no file over another: %v %s", err, out)
	}
	state := filepath.Join(dir, "state")
	run := privilege.RunFolder(state)
	ready, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	log := &strings.Builder{}
	//nolint:noctx // ended below, in order
	cmd := exec.Command("unshare", "-m", "sh", "-c", `mount -t overlay overlay -o lowerdir="$1":/usr /usr && shift && exec "$@"`, "sh", filepath.Dir(over),
		program, "--state", state, "--hvd-user", fmt.Sprint(hvdUID), "--group", fmt.Sprint(hvdUID), "--ready-fd", "3")
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{w}, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	client := privilege.Dial(filepath.Join(run, privilege.HelperSocket))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = client.Kill(ctx, vm, privilege.SignalKill)
		for ctx.Err() == nil && client.Forget(ctx, vm) != nil { // it is being killed
			time.Sleep(10 * time.Millisecond)
		}
		client.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("hv-helper ended with %v\n%s", err, log)
		}
		_ = os.RemoveAll(run)
	})
	if line, err := bufio.NewReader(ready).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("hv-helper did not start: %q, %v\n%s", line, err, log)
	}
	return client, run, cmd.Process.Pid
}

// TestAProgramInQEMUsPlaceReachesNothing lets it try, and wants each try refused.
func TestAProgramInQEMUsPlaceReachesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("hv-helper needs root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "hv-isolation")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the probe, who is somebody else, must pass
		t.Fatal(err)
	}
	client, run, pid := host(t, dir)
	e := bait(t, dir, run, pid)
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.OpenFile(filepath.Join(dir, "said"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	began := time.Now()
	_, pidfd, err := client.Launch(t.Context(), privilege.Launch{
		VM: vm, Name: "probe", Arch: "x86_64", Args: []string{"-nodefaults", "-append", string(data)}, Files: []string{privilege.StderrFile},
	}, []*os.File{said})
	if err != nil {
		t.Fatal(err)
	}
	defer pidfd.Close()
	ended := []unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(ended, 120_000); err == unix.EINTR {
			continue
		} else if n != 1 || err != nil {
			t.Fatalf("the probe has not ended: %v", err)
		}
		break
	}
	if _, err := said.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	words, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(words, &r); err != nil || r.Broken != "" {
		t.Fatalf("the probe failed: %v %s\n%s", err, r.Broken, words)
	}
	t.Logf("%d ways tried in %v; %d led somewhere", r.Tried, time.Since(began).Round(time.Millisecond), len(r.Ways))
	for _, way := range r.Ways {
		t.Error(way)
	}
	if r.Tried < 500 {
		t.Errorf("only %d ways were tried", r.Tried)
	}
	const none = "0000000000000000"
	for name, want := range map[string]string{
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Groups": "", "Pid": "1", "PPid": "0",
	} {
		if got := r.Status[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestAProgramInItsSwtpmsPlaceReachesNothing does the same with the process that has a TPM's state beside QEMU.
func TestAProgramInItsSwtpmsPlaceReachesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("hv-helper needs root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "hv-isolation")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the probe, who is somebody else, must pass
		t.Fatal(err)
	}
	client, run, pid := host(t, dir)
	data, err := json.Marshal(bait(t, dir, run, pid))
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state", privilege.TPMFolder(vm))
	for _, err := range []error{
		os.MkdirAll(state, 0o700), os.WriteFile(filepath.Join(state, "errand"), data, 0o600),
		os.Chown(filepath.Dir(state), hvdUID, hvdUID), os.Chown(state, hvdUID, hvdUID), os.Chown(filepath.Join(state, "errand"), hvdUID, hvdUID),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, pidfd, err := client.Launch(t.Context(), privilege.Launch{
		VM: vm, Name: "probe", Arch: "x86_64", Args: []string{"-nodefaults", "-append", string(data)}, TPM: true,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pidfd.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var words []byte
	for words == nil {
		words, err = os.ReadFile(filepath.Join(state, "report"))
		if ctx.Err() != nil {
			t.Fatalf("the probe has not ended: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	var r report
	if err := json.Unmarshal(words, &r); err != nil || r.Broken != "" {
		t.Fatalf("the probe failed: %v %s\n%s", err, r.Broken, words)
	}
	for _, way := range r.Ways {
		t.Error(way)
	}
	if r.Tried < 500 {
		t.Errorf("only %d ways were tried", r.Tried)
	}
	const none = "0000000000000000"
	for name, want := range map[string]string{"CapPrm": none, "CapEff": none, "CapBnd": none, "NoNewPrivs": "1", "Seccomp": "2", "Groups": "", "Pid": "1"} {
		if got := r.Status[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(r.Limits, "Max processes 16 16") || !strings.Contains(r.Limits, "Max open files 64 64") {
		t.Errorf("its limits are %s", r.Limits)
	}
}

// TestTheProbeFindsTheWaysThatAreOpen runs it as a user without rights and outside of any jail: a probe that
// finds nothing there would show nothing in the jail.
func TestTheProbeFindsTheWaysThatAreOpen(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "hv-isolation")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the probe, who is somebody else, must pass
		t.Fatal(err)
	}
	data, err := json.Marshal(bait(t, dir, filepath.Join(dir, "run"), os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-append", string(data))
	cmd.Args[0] = qemu
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: hvdUID, Gid: hvdUID}}
	words, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(words, &r); err != nil || r.Broken != "" {
		t.Fatalf("%v %s", err, r.Broken)
	}
	found := strings.Join(r.Ways, "\n") + "\n"
	for _, want := range []string{
		"read /etc/passwd", "read /proc/self/root/etc/passwd", "change " + dir + "/open-to-all", "/ has etc", "/dev has zero", "pidfd of process",
		"tcp to 127.0.0.1", "unix to @hv-isolation", "unix to " + dir + "/socket", "a shared segment", "a socket of netlink", "the network has",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("it has not found %q", want)
		}
	}
	t.Logf("%d of %d ways are open to a user without rights who is in no jail", len(r.Ways), r.Tried)
}

// bait puts things within reach that a program outside of a jail could have.
func bait(t *testing.T, dir, run string, pid int) errand {
	t.Helper()
	open := filepath.Join(dir, "open-to-all")
	if err := os.WriteFile(open, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o666); err != nil { //nolint:gosec // open to all, and not to the probe
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("hv-isolation-%d", os.Getpid())
	abstract, err := net.Listen("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "socket")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o777); err != nil { //nolint:gosec // the same
		t.Fatal(err)
	}
	key := os.Getpid()
	id, err := unix.SysvShmGet(key, 4096, unix.IPC_CREAT|0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, l := range []net.Listener{tcp, abstract, socket} {
			_ = l.Close()
		}
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	})
	addr, ok := tcp.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal(tcp.Addr())
	}
	return errand{
		Files: []string{
			"/etc/passwd", "/etc/shadow", "/etc/hostname", "/root", "/home", "/var", "/var/tmp", "/tmp", "/sys", "/boot", "/mnt", "/opt", "/srv",
			"/run/hv", "/run/systemd", "/run/dbus", open, path, dir, run, filepath.Join(run, privilege.HelperSocket), filepath.Join(dir, "state"),
			"/dev/mem", "/dev/kmsg", "/dev/vsock", "/dev/fuse", "/dev/net/tun", "/dev/vda", "/dev/sda", "/dev/tty", "/dev/pts", "/dev/shm", "/dev/zero", "/dev/random",
			"/proc/kcore", "/proc/kallsyms", "/proc/sys", "/proc/sysrq-trigger", "/proc/cpuinfo", "/proc/net", fmt.Sprintf("/proc/%d/environ", pid),
		},
		PIDs: []int{pid, os.Getpid()}, Port: addr.Port, Abstract: name, Socket: path, Shared: key,
	}
}
