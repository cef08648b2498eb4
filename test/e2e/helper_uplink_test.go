//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// withUplink is a VM with one NIC behind passt.
func withUplink() privilege.Launch {
	l := pausedQ35()
	l.Sockets = append(l.Sockets, "net-lan")
	l.Args = append(l.Args, "-netdev", "stream,id=lan,server=on,addr.type=fd,addr.str={fd:net-lan}",
		"-device", "virtio-net-pci,netdev=lan,romfile=")
	l.Uplinks = []privilege.Uplink{{Socket: "net-lan"}}
	return l
}

// passts returns the processes with the uid that a VM's passt has.
func passts(t *testing.T, vmUID uint32) []int {
	t.Helper()
	var found []int
	for _, name := range entries(t, "/proc") {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		status, err := os.ReadFile("/proc/" + name + "/status")
		if err == nil && strings.Contains(string(status), "\nUid:\t"+strconv.Itoa(int(vmUID)+1)+"\t") && !strings.Contains(string(status), "State:\tZ") {
			found = append(found, pid)
		}
	}
	return found
}

// waitsForNobody waits until QEMU's connection to passt is one on which no write waits: QEMU writes to it from its main loop.
func (h *helperHost) waitsForNobody(qemu int) {
	h.t.Helper()
	path := filepath.Join(h.run, "vm", helperVM, "net-lan.sock")
	var flags []string
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if flags = acceptedOn(h.t, qemu, path); len(flags) == 1 && strings.HasSuffix(flags[0], "4002") {
			return
		}
	}
	h.t.Errorf("QEMU's connection to passt has the flags %v", flags)
}

// acceptedOn returns the flags (octal, as open(2) has them) of the connections that a process has accepted at path.
func acceptedOn(t *testing.T, pid int, path string) (flags []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	const connected = "03"
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // address, references, protocol, flags, type, state, inode, path
		if len(f) < 8 || f[7] != path || f[5] != connected {
			continue
		}
		for _, fd := range entries(t, fmt.Sprintf("/proc/%d/fd", pid)) {
			if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd)); err != nil || to != "socket:["+f[6]+"]" {
				continue
			}
			info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
			if _, rest, ok := strings.Cut(string(info), "flags:\t"); err == nil && ok {
				value, _, _ := strings.Cut(rest, "\n")
				flags = append(flags, value)
			}
		}
	}
	return flags
}

func TestAnUplinkIsAPasstWithoutPrivilegesInTheHostsNetwork(t *testing.T) {
	h := newHelperHost(t)
	reply, pidfd := h.mustLaunch(withUplink())
	if !reply.Uplinks["net-lan"] {
		t.Fatalf("uplinks %v: %v", reply.Uplinks, reply.UplinkWhy)
	}
	h.monitor(reply)
	pids := passts(t, reply.UID)
	if len(pids) != 1 {
		t.Fatalf("passts %v", pids)
	}
	// It puts itself into a user namespace of its own, where the bounding set is full and means nothing here.
	if mine, its := readLink(t, "/proc/self/ns/user"), readLink(t, "/proc/"+strconv.Itoa(pids[0])+"/ns/user"); mine == its {
		t.Error("passt is in the host's user namespace")
	}
	unprivileged(t, pids[0], reply.UID+1, "000001ffffffffff")
	if mine, its := readLink(t, "/proc/self/ns/net"), readLink(t, "/proc/"+strconv.Itoa(pids[0])+"/ns/net"); mine != its {
		t.Error("passt is not in the host's network namespace")
	}
	if line := readFile(t, pids[0], "cmdline"); !strings.Contains(line, "--no-map-gw") {
		t.Errorf("command line %q", line)
	}

	h.waitsForNobody(reply.PID)

	// A passt that dies is replaced while the VM runs.
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Uplink(t.Context(), privilege.Uplink{VM: helperVM, Socket: "net-lan"}); err != nil {
		t.Fatal(err)
	}
	h.waitsForNobody(reply.PID)
	again := passts(t, reply.UID)
	if len(again) != 1 || again[0] == pids[0] {
		t.Errorf("passts %v, before %v", again, pids)
	}
	// One that lives, too.
	if err := h.client.Uplink(t.Context(), privilege.Uplink{VM: helperVM, Socket: "net-lan"}); err != nil {
		t.Fatal(err)
	}
	if third := passts(t, reply.UID); len(third) != 1 || third[0] == again[0] {
		t.Errorf("passts %v, before %v", third, again)
	}
	if err := h.client.Uplink(t.Context(), privilege.Uplink{VM: helperVM, Socket: "net-dmz"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an uplink for a socket that is not there: %v", err)
	}
	if err := h.client.Kill(t.Context(), helperVM, privilege.SignalKill); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pidfd)
	if err := h.client.Cleanup(t.Context(), helperVM); err != nil {
		t.Fatal(err)
	}
	h.nothingLeft()
}

func TestAVMStartsWithoutAnUplinkThatCannotBe(t *testing.T) {
	noNetwork := func(h *helperHost) { h.attr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET} }
	h := newHelperHost(t, noNetwork) // no route leads anywhere from here
	reply, _ := h.mustLaunch(withUplink())
	h.monitor(reply).do("query-status")
	if alive, ok := reply.Uplinks["net-lan"]; alive || !ok || reply.UplinkWhy["net-lan"] == "" {
		t.Skipf("this passt serves without a route: %v", reply.Uplinks)
	}
	t.Logf("why: %s", reply.UplinkWhy["net-lan"])
	err := h.client.Uplink(t.Context(), privilege.Uplink{VM: helperVM, Socket: "net-lan"})
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "route") && !strings.Contains(err.Error(), "interface") {
		t.Errorf("%v", err)
	}
	if err := h.end(syscall.SIGKILL); err == nil {
		t.Fatal("the helper was to be killed")
	}
	h.start()
	list, err := h.client.List(t.Context())
	if err != nil || list.VMs[0].Uplinks["net-lan"] || list.VMs[0].UplinkWhy["net-lan"] == "" {
		t.Errorf("the next helper does not know why: %+v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(h.run, "vm", helperVM, "passt-net-lan.log")); err != nil {
		t.Error(err)
	}
}
