//go:build lab

package inside

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// vsockPort is where the host listens for its guest.
const vsockPort = 7777

// TestMain is also the program that a guest runs to speak to its host: busybox knows no AF_VSOCK.
func TestMain(m *testing.M) {
	if os.Getenv("HV_LAB_GREET_HOST") != "" {
		if err := greetHost(os.Stdout); err != nil {
			fmt.Println("not greeted:", err)
		}
		return
	}
	os.Exit(m.Run())
}

// greetHost tries more than once: a connection that the host's slow CPUs answer late is given up by the kernel after two seconds.
func greetHost(out io.Writer) (err error) {
	for range 20 {
		var answer []byte
		if answer, err = greet(); err == nil {
			fmt.Fprintf(out, "host=%s.\n", answer)
			return nil
		}
	}
	return err
}

func greet() ([]byte, error) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	conn := os.NewFile(uintptr(fd), "vsock")
	defer func() { _ = conn.Close() }()
	if err := unix.Connect(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_HOST, Port: vsockPort}); err != nil {
		return nil, err
	}
	if _, err := conn.WriteString("hello"); err != nil {
		return nil, err
	}
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

// greeted answers guests with their CIDs until one has said something, and tells of each what it said and who it is.
func greeted(listener int) <-chan string {
	const most = 64
	said := make(chan string, most)
	go func() {
		for range most {
			fd, from, err := unix.Accept(listener)
			if err != nil {
				said <- err.Error()
				return
			}
			conn := os.NewFile(uintptr(fd), "vsock")
			word, _ := io.ReadAll(conn) // empty, of one that was given up
			cid := uint32(0)
			if peer, ok := from.(*unix.SockaddrVM); ok {
				cid = peer.CID
			}
			fmt.Fprintf(conn, "seen-as-%d", cid)
			_ = conn.Close()
			said <- fmt.Sprintf("%s from %d", word, cid)
			if len(word) > 0 {
				return
			}
		}
	}()
	return said
}

// tool imports this program as a volume, for a guest to take it from its disk.
func tool(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	const whole = 1 << 20
	file := filepath.Join(t.TempDir(), "tool.raw")
	if err := os.WriteFile(file, append(text, make([]byte, whole-len(text)%whole)...), 0o600); err != nil {
		t.Fatal(err)
	}
	hv(t, "volume", "import", "tool", file, "--format", "raw")
	t.Cleanup(func() { hv(t, "volume", "delete", "--now", "--yes", "tool") })
}

// resident is how many MiB of the host's memory a process has.
func resident(t *testing.T, pid int) int {
	t.Helper()
	kib, err := strconv.Atoi(strings.TrimSuffix(status(t, pid, "VmRSS"), " kB"))
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// comesTo waits until a figure of the host's is at most that.
func comesTo(t *testing.T, what string, most int, now func() int) {
	t.Helper()
	var last int
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
		if last = now(); last <= most {
			t.Logf("%s: %d", what, last)
			return
		}
	}
	t.Errorf("%s: %d, and it was to come to %d", what, last, most)
}

func TestAGuestUnderKVMGrowsShrinksGivesBackAndSpeaksToItsHost(t *testing.T) {
	bootFiles(t)
	c := daemon(t)
	if out, err := exec.CommandContext(t.Context(), "modprobe", "vhost_vsock").CombinedOutput(); err != nil {
		t.Fatalf("the lab's kernel has no vhost_vsock: %v %s", err, out)
	}
	tool(t)
	machine(t, "grows", `memory = "256MiB"; memoryMax = "1GiB"; cpusMax = 2; vsock = { cid = 4711; }; disks.tool = { volume = "tool"; };
		boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1 memhp_default_state=online"; };`)
	hv(t, "vm", "start", "grows")
	hv(t, "vm", "console", "grows", "--until", "guest: ready", "--timeout", "3m")
	p := waitState(t, c, "grows", "running").Status.Power
	if p.Accelerator != "kvm" {
		t.Fatalf("it runs by %s", p.Accelerator)
	}
	pid := p.Process.PID
	typed := func(t *testing.T, line, want string) { t.Helper(); t.Log(typedAt(t, "grows", line, want)) }

	t.Run("vCPUs are plugged in and out", func(t *testing.T) {
		hv(t, "vm", "set", "grows", "--cpus", "2")
		typed(t, `until [ $(for c in /sys/devices/system/cpu/cpu*/online; do echo 1 >$c 2>/dev/null; done; grep -c ^processor /proc/cpuinfo) = 2 ]; do sleep 0.2; done; echo "cpus=$((1+1))."`, `cpus=2\.`)
		hv(t, "vm", "set", "grows", "--cpus", "1")
		typed(t, `until [ $(grep -c ^processor /proc/cpuinfo) = 1 ]; do sleep 0.2; done; echo "cpus=$((2-1))."`, `cpus=1\.`)
		if p := waitState(t, c, "grows", "running").Status.Power; p.Process.Started.CPUs != 1 || len(p.Pending) > 0 {
			t.Errorf("it has %d vCPUs, and %v wait", p.Process.Started.CPUs, p.Pending)
		}
	})
	t.Run("memory grows by virtio-mem", func(t *testing.T) {
		hv(t, "vm", "set", "grows", "--memory", "512MiB")
		typed(t, `until [ $(sed -n 's/MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) -gt 400000 ]; do sleep 0.2; done; echo "grown=$((0+1))."`, `grown=1\.`)
	})
	t.Run("what the guest frees comes back to the host", func(t *testing.T) {
		before := resident(t, pid)
		typed(t, `mount -t tmpfs -o size=250m none /mnt; dd if=/dev/zero of=/mnt/fill bs=1M count=200 2>&1 | grep copied; echo "filled=$((0+1))."`, `filled=1\.`)
		full := resident(t, pid)
		if full < before+120 {
			t.Errorf("200 MiB in the guest took QEMU from %d to %d MiB", before, full)
		}
		typed(t, `umount /mnt; echo "freed=$((0+1))."`, `freed=1\.`)
		comesTo(t, fmt.Sprintf("MiB that QEMU has, after %d", full), full-100, func() int { return resident(t, pid) })
	})
	t.Run("memory shrinks by virtio-mem and the balloon", func(t *testing.T) {
		hv(t, "vm", "set", "grows", "--memory", "128MiB")
		typed(t, `until [ $(sed -n 's/balloon_inflate //p' /proc/vmstat) -gt 20000 ]; do sleep 0.2; done; echo "shrunk=$((0+1))."`, `shrunk=1\.`)
		hv(t, "vm", "set", "grows", "--memory", "256MiB")
		typed(t, `until [ $(sed -n 's/balloon_deflate //p' /proc/vmstat) -gt 1000 ]; do sleep 0.2; done; grep balloon /proc/vmstat; echo "back=$((0+1))."`, `back=1\.`)
	})
	t.Run("the guest speaks to its host over vsock", func(t *testing.T) {
		listener, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Close(listener) }()
		if err := unix.Bind(listener, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: vsockPort}); err != nil {
			t.Fatal(err)
		}
		if err := unix.Listen(listener, 1); err != nil {
			t.Fatal(err)
		}
		limit := unix.NsecToTimeval(int64(patience))
		if err := unix.SetsockoptTimeval(listener, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil { // of accept, too
			t.Fatal(err)
		}
		said := greeted(listener)
		typed(t, `dd if=/dev/vda of=/tmp/tool bs=1M 2>/dev/null; chmod +x /tmp/tool; HV_LAB_GREET_HOST=1 /tmp/tool`, `host=seen-as-4711\.|not greeted: .*\n`)
		got := <-said // what it said comes late where two busy cores emulate all of this: who it is does not
		t.Logf("the host heard %q", got)
		if !strings.HasSuffix(got, " from 4711") {
			t.Errorf("the guest that has CID 4711 is met as %q", got)
		}
	})
}
